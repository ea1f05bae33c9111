"""The system procedures that ODBC drivers call for SQLTables, SQLColumns, SQLDescribeParam and their kin.

Each answers with columns and rows; column names and order are those of Microsoft Learn, "Catalog stored
procedures".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from . import statements, syntax
from .catalog_views import row_count
from .environment import Environment
from .errors import SqlServerError, refused
from .parser import parse_batch
from .query_binder import QueryBinder
from .schema import Column, Table
from .scope import OutputColumn
from .sqltypes import BIT, INT, SMALLINT, SYSNAME, SYSTEM_TYPE_IDS, TINYINT, SqlType, nvarchar, varchar
from .type_rules import like_regex

Arguments = Mapping[str, object]  # by name in lower case without @, and by position as "0", "1"


@dataclass(frozen=True)
class RowSet:
    columns: list[OutputColumn]
    batch: pa.RecordBatch


def row_set(columns: Sequence[tuple[str, SqlType]], rows: Sequence[Sequence[object]]) -> RowSet:
    types = {"int": pa.int32(), "smallint": pa.int16(), "tinyint": pa.uint8(), "bit": pa.bool_()}
    arrays = [
        pa.array([row[position] for row in rows], type=types.get(kind.name, pa.string()))
        for position, (_, kind) in enumerate(columns)
    ]
    # Names may repeat, so the batch's own don't matter.
    batch = pa.RecordBatch.from_arrays(arrays, names=[f"c{i}" for i in range(len(columns))])
    return RowSet([OutputColumn(name, kind, nullable=True) for name, kind in columns], batch)


def _argument(arguments: Arguments, name: str, position: int) -> object:
    return arguments.get(name, arguments.get(str(position)))


def _text(arguments: Arguments, name: str, position: int) -> str | None:
    value = _argument(arguments, name, position)
    return None if value is None else str(value)


def _matches(pattern: str | None, name: str) -> bool:
    if pattern is None:
        return True
    return re.fullmatch(like_regex(pattern, "\\"), name, re.IGNORECASE | re.DOTALL) is not None


# ODBC's type codes: name -> (ODBC 3 DATA_TYPE, SQL_DATA_TYPE, SQL_DATETIME_SUB, SS_DATA_TYPE)
_ODBC: dict[str, tuple[int, int, int | None, int]] = {
    "bit": (-7, -7, None, 50), "tinyint": (-6, -6, None, 38), "smallint": (5, 5, None, 38), "int": (4, 4,
                                                                                                    None, 38),
    "bigint": (-5, -5, None, 108), "decimal": (3, 3, None, 106), "numeric": (2, 2, None, 108),
    "money": (3, 3, None, 110), "smallmoney": (3, 3, None, 110), "float": (6, 6, None, 109), "real": (7, 7,
                                                                                                      None,
                                                                                                      109),
    "char": (1, 1, None, 47), "varchar": (12, 12, None, 39), "nchar": (-8, -8, None, 39), "nvarchar": (-9, -9,
                                                                                                       None,
                                                                                                       39),
    "binary": (-2, -2, None, 37), "varbinary": (-3, -3, None, 37), "rowversion": (-2, -2, None, 37),
    "uniqueidentifier": (-11, -11, None, 37), "date": (91, 9, 1, 0), "time": (-154, -154, 0, 0),
    "datetime2": (93, 9, 3, 0), "datetime": (93, 9, 3, 111),
}  # fmt: skip


def _type_name(kind: SqlType) -> str:
    return "timestamp" if kind.name == "rowversion" else kind.name


def _precision(kind: SqlType) -> int:
    """COLUMN_SIZE of ODBC."""
    if kind.is_max:
        return 0
    if kind.is_string or kind.name in ("binary", "varbinary"):
        return kind.length
    sizes = {"rowversion": 8, "uniqueidentifier": 36, "time": 8 + (kind.scale + 1 if kind.scale else 0)}
    return sizes.get(kind.name, kind.catalog_precision)


def _buffer_length(kind: SqlType) -> int:
    if kind.name in ("decimal", "numeric"):
        return kind.precision + 2
    text = {"money": 21, "smallmoney": 12, "date": 6, "datetime": 16, "datetime2": 16, "time": 12}
    return text.get(kind.name, max(kind.max_length, 0))


def tables(environment: Environment, arguments: Arguments) -> RowSet:
    """sp_tables: TABLE_NAME, OWNER, QUALIFIER and TYPE may be patterns."""
    name, owner = _text(arguments, "table_name", 0), _text(arguments, "table_owner", 1)
    kinds = _text(arguments, "table_type", 3)
    wanted = kinds is None or "'TABLE'" in kinds.upper() or kinds.strip("' ").upper() in ("TABLE", "%")
    rows = [
        (environment.database.name, table.schema, table.name, "TABLE", None)
        for table in sorted(environment.database.schema.tables, key=lambda t: t.name)
        if wanted and _matches(name, table.name) and _matches(owner, table.schema)
    ]
    columns = (("TABLE_QUALIFIER", SYSNAME), ("TABLE_OWNER", SYSNAME), ("TABLE_NAME", SYSNAME),
               ("TABLE_TYPE", varchar(32)), ("REMARKS", varchar(254)))  # fmt: skip
    return row_set(columns, rows)


_COLUMNS = (
    ("TABLE_QUALIFIER", SYSNAME), ("TABLE_OWNER", SYSNAME), ("TABLE_NAME", SYSNAME), ("COLUMN_NAME", SYSNAME),
    ("DATA_TYPE", SMALLINT), ("TYPE_NAME", SYSNAME), ("PRECISION", INT), ("LENGTH", INT), ("SCALE", SMALLINT),
    ("RADIX", SMALLINT), ("NULLABLE", SMALLINT), ("REMARKS", varchar(254)), ("COLUMN_DEF", nvarchar(4000)),
    ("SQL_DATA_TYPE", SMALLINT), ("SQL_DATETIME_SUB", SMALLINT), ("CHAR_OCTET_LENGTH", INT),
    ("ORDINAL_POSITION", INT),
    ("IS_NULLABLE", varchar(254)), ("SS_IS_SPARSE", SMALLINT), ("SS_IS_COLUMN_SET", SMALLINT),
    ("SS_IS_COMPUTED", SMALLINT), ("SS_IS_IDENTITY", SMALLINT), ("SS_UDT_CATALOG_NAME", SYSNAME),
    ("SS_UDT_SCHEMA_NAME", SYSNAME), ("SS_UDT_ASSEMBLY_TYPE_NAME", nvarchar(4000)),
    ("SS_XML_SCHEMACOLLECTION_CATALOG_NAME", SYSNAME), ("SS_XML_SCHEMACOLLECTION_SCHEMA_NAME", SYSNAME),
    ("SS_XML_SCHEMACOLLECTION_NAME", SYSNAME), ("SS_DATA_TYPE", TINYINT),
)  # fmt: skip


def columns(environment: Environment, arguments: Arguments) -> RowSet:
    """sp_columns_100."""
    name, owner = _text(arguments, "table_name", 0), _text(arguments, "table_owner", 1)
    wanted = _text(arguments, "column_name", 3)
    rows = [
        _column_row(environment, table, column, position)
        for table in sorted(environment.database.schema.tables, key=lambda t: t.name)
        if _matches(name, table.name) and _matches(owner, table.schema)
        for position, column in enumerate(table.columns, 1)
        if _matches(wanted, column.name)
    ]
    return row_set(_COLUMNS, rows)


def _column_row(environment: Environment, table: Table, column: Column, position: int) -> tuple[object, ...]:
    kind = column.type
    data_type, sql_type, sub_type, ss_type = _ODBC[kind.name]
    numeric = kind.is_numeric
    scale = (
        kind.catalog_scale
        if kind.is_exact or kind.is_integer or kind.name in ("datetime", "datetime2", "time")
        else None
    )
    octets = (0 if kind.is_max else kind.max_length) if kind.is_string or kind.is_binary else None
    return (
        environment.database.name, table.schema, table.name, column.name, data_type, _type_name(kind),
        _precision(kind),
        _buffer_length(kind), scale, (2 if kind.is_approximate else 10) if numeric else None,
        int(column.nullable), None,
        f"({column.default})" if column.default else None, sql_type, sub_type, octets, position,
        "YES" if column.nullable else "NO", 0, 0, 0, 0, None, None, None, None, None, None, ss_type,
    )  # fmt: skip


def _one_table(environment: Environment, arguments: Arguments) -> list[Table]:
    name, owner = _text(arguments, "table_name", 0), _text(arguments, "table_owner", 1)
    found = environment.database.schema.table(name or "", owner or "dbo")
    return [found] if found is not None else []


def primary_keys(environment: Environment, arguments: Arguments) -> RowSet:
    """sp_pkeys."""
    rows = [
        (environment.database.name, table.schema, table.name, column, position, table.primary_key.name)
        for table in _one_table(environment, arguments)
        if table.primary_key is not None
        for position, column in enumerate(table.primary_key.columns, 1)
    ]
    shape = (("TABLE_QUALIFIER", SYSNAME), ("TABLE_OWNER", SYSNAME), ("TABLE_NAME", SYSNAME), ("COLUMN_NAME",
                                                                                               SYSNAME),
             ("KEY_SEQ", SMALLINT), ("PK_NAME", SYSNAME))  # fmt: skip
    return row_set(shape, rows)


def foreign_keys(environment: Environment, arguments: Arguments) -> RowSet:
    """sp_fkeys: by the referenced table, by the referring one, or by both."""
    parent, child = _text(arguments, "pktable_name", 0), _text(arguments, "fktable_name", 3)
    qualifier = environment.database.name
    rows = []
    for table in environment.database.schema.tables:
        for key in table.foreign_keys:
            target = environment.database.table(key.referenced_table)
            if not (_same(parent, target.name) and _same(child, table.name)):
                continue
            for number, (mine, theirs) in enumerate(zip(key.columns, key.referenced_columns, strict=True), 1):
                primary = target.primary_key.name if target.primary_key else None
                rows.append((qualifier, target.schema, target.name, theirs, qualifier, table.schema,
                             table.name, mine,
                             number, 1, 1, key.name, primary, 7))  # fmt: skip
    shape = (("PKTABLE_QUALIFIER", SYSNAME), ("PKTABLE_OWNER", SYSNAME), ("PKTABLE_NAME", SYSNAME),
             ("PKCOLUMN_NAME", SYSNAME), ("FKTABLE_QUALIFIER", SYSNAME), ("FKTABLE_OWNER", SYSNAME),
             ("FKTABLE_NAME", SYSNAME), ("FKCOLUMN_NAME", SYSNAME), ("KEY_SEQ", SMALLINT), ("UPDATE_RULE",
                                                                                            SMALLINT),
             ("DELETE_RULE", SMALLINT), ("FK_NAME", SYSNAME), ("PK_NAME", SYSNAME), ("DEFERRABILITY",
                                                                                     SMALLINT))  # fmt: skip
    return row_set(shape, rows)


def _same(wanted: str | None, name: str) -> bool:
    return wanted is None or wanted.casefold() == name.casefold()


def table_statistics(environment: Environment, arguments: Arguments) -> RowSet:
    """sp_statistics_100: the table itself, then its indexes."""
    unique_only = str(_argument(arguments, "is_unique", 4) or "N").upper() == "Y"
    rows: list[tuple[object, ...]] = []
    qualifier = environment.database.name
    for table in _one_table(environment, arguments):
        count = row_count(environment.database, table)
        rows.append(
            (qualifier, table.schema, table.name, None, None, None, 0, None, None, None, count, None, None)
        )
        if table.primary_key is not None:
            for number, column in enumerate(table.primary_key.columns, 1):
                rows.append((qualifier, table.schema, table.name, 0, table.name, table.primary_key.name, 1,
                             number, column,
                             "A", count, None, None))  # fmt: skip
        for index in () if unique_only else table.indexes:
            for number, column in enumerate(index.columns, 1):
                rows.append((qualifier, table.schema, table.name, 1, table.name, index.name, 3, number,
                             column, "A", count,
                             None, None))  # fmt: skip
    shape = (("TABLE_QUALIFIER", SYSNAME), ("TABLE_OWNER", SYSNAME), ("TABLE_NAME", SYSNAME), ("NON_UNIQUE",
                                                                                               SMALLINT),
             ("INDEX_QUALIFIER", SYSNAME), ("INDEX_NAME", SYSNAME), ("TYPE", SMALLINT), ("SEQ_IN_INDEX",
                                                                                         SMALLINT),
             ("COLUMN_NAME", SYSNAME), ("COLLATION", varchar(1)), ("CARDINALITY", INT), ("PAGES", INT),
             ("FILTER_CONDITION", varchar(128)))  # fmt: skip
    return row_set(shape, rows)


_TYPE_INFO = (
    ("TYPE_NAME", SYSNAME), ("DATA_TYPE", SMALLINT), ("PRECISION", INT), ("LITERAL_PREFIX", varchar(32)),
    ("LITERAL_SUFFIX", varchar(32)), ("CREATE_PARAMS", varchar(32)), ("NULLABLE", SMALLINT),
    ("CASE_SENSITIVE", SMALLINT),
    ("SEARCHABLE", SMALLINT), ("UNSIGNED_ATTRIBUTE", SMALLINT), ("MONEY", SMALLINT), ("AUTO_INCREMENT",
                                                                                      SMALLINT),
    ("LOCAL_TYPE_NAME", SYSNAME), ("MINIMUM_SCALE", SMALLINT), ("MAXIMUM_SCALE", SMALLINT), ("SQL_DATA_TYPE",
                                                                                             SMALLINT),
    ("SQL_DATETIME_SUB", SMALLINT), ("NUM_PREC_RADIX", INT), ("INTERVAL_PRECISION", SMALLINT), ("USERTYPE",
                                                                                                SMALLINT),
)  # fmt: skip


_LITERAL_PREFIXES = {
    "char": "'", "varchar": "'", "nchar": "N'", "nvarchar": "N'", "binary": "0x", "varbinary": "0x",
    "rowversion": "0x",
}  # fmt: skip


def datatype_info(environment: Environment, arguments: Arguments) -> RowSet:
    """sp_datatype_info_100: SQLGetTypeInfo."""
    asked = int(str(_argument(arguments, "data_type", 0) or 0))
    sizes = {"char": 8000, "varchar": 8000, "nchar": 4000, "nvarchar": 4000, "binary": 8000,
             "varbinary": 8000,
             "decimal": 38, "numeric": 38, "time": 16, "datetime2": 27, "uniqueidentifier": 36,
             "rowversion": 8}  # fmt: skip
    rows = []
    for name, (code, sql_type, sub_type, _) in sorted(_ODBC.items(), key=lambda item: item[1][0]):
        if asked not in (0, code):
            continue
        kind = SqlType(name)
        size = sizes.get(name, kind.catalog_precision)
        quoted_otherwise = "'" if kind.is_temporal or name == "uniqueidentifier" else None
        quote = _LITERAL_PREFIXES.get(name, quoted_otherwise)
        suffix = None if quote in (None, "0x") else "'"
        parameters = {"decimal": "precision,scale", "numeric": "precision,scale", "time": "scale",
                      "datetime2": "scale",
                      "binary": "length", "char": "length", "nchar": "length"}.get(
            name, "max length" if name in ("varchar", "nvarchar", "varbinary") else None)  # fmt: skip
        numeric = kind.is_numeric and name != "bit"
        scales = {"decimal": (0, 38), "numeric": (0, 38), "time": (0, 7), "datetime2": (0, 7), "datetime": (3,
                                                                                                            3),
                  "money": (4, 4), "smallmoney": (4, 4)}  # fmt: skip
        low, high = scales.get(name, (0, 0) if kind.is_integer or name == "bit" else (None, None))
        rows.append((
            _type_name(kind), code, size, quote, suffix, parameters, 1, 0, 3 if kind.is_string else 2,
            (1 if name == "tinyint" else 0) if numeric else None, 1 if "money" in name else 0,
            0 if numeric else None,
            _type_name(kind), low, high, sql_type, sub_type,
            (2 if kind.is_approximate else 10) if numeric else None, None, 0,
        ))  # fmt: skip
    return row_set(_TYPE_INFO, rows)


_UNDECLARED = (
    ("parameter_ordinal", INT), ("name", SYSNAME), ("suggested_system_type_id", INT),
    ("suggested_system_type_name", nvarchar(256)), ("suggested_max_length", SMALLINT), ("suggested_precision",
                                                                                        TINYINT),
    ("suggested_scale", TINYINT), ("suggested_user_type_id", INT), ("suggested_user_type_database", SYSNAME),
    ("suggested_user_type_schema", SYSNAME), ("suggested_user_type_name", SYSNAME),
    ("suggested_assembly_qualified_type_name", nvarchar(4000)), ("suggested_xml_collection_id", INT),
    ("suggested_xml_collection_database", SYSNAME), ("suggested_xml_collection_schema", SYSNAME),
    ("suggested_xml_collection_name", SYSNAME), ("suggested_is_xml_document", BIT),
    ("suggested_is_case_sensitive", BIT),
    ("suggested_is_fixed_length_clr_type", BIT), ("suggested_is_input", BIT), ("suggested_is_output", BIT),
    ("formal_parameter_name", SYSNAME), ("suggested_tds_type_id", INT), ("suggested_tds_length", INT),
)  # fmt: skip
_TDS_TYPES = {"bit": 104, "tinyint": 38, "smallint": 38, "int": 38, "bigint": 38, "decimal": 106,
              "numeric": 108,
              "money": 110, "smallmoney": 110, "float": 109, "real": 109, "char": 175, "varchar": 167,
              "nchar": 239,
              "nvarchar": 231, "binary": 173, "varbinary": 165, "rowversion": 173, "uniqueidentifier": 36,
              "date": 40,
              "time": 41, "datetime": 111, "datetime2": 42}  # fmt: skip


def describe_undeclared_parameters(environment: Environment, arguments: Arguments) -> RowSet:
    """sp_describe_undeclared_parameters: each parameter's type by where it stands."""
    sql = _text(arguments, "tsql", 0) or ""
    binder = describe(environment, sql)[0]
    names = list(dict.fromkeys(re.findall(r"@[\w$#]+", re.sub(r"'(?:[^']|'')*'|\[[^\]]*\]", "", sql))))
    rows = []
    for ordinal, name in enumerate((name for name in names if not name.startswith("@@")), 1):
        kind = binder.suggested.get(name.casefold())
        if kind is None:
            raise SqlServerError(
                11508, f"The undeclared parameter '{name}' is used more than once or its type can't be told."
            )
        rows.append((
            ordinal, name, SYSTEM_TYPE_IDS[kind.name],
            _type_name(kind) if kind.name == "rowversion" else kind.declaration,
            kind.max_length, kind.catalog_precision, kind.catalog_scale, None, None, None, None, None, None,
            None, None,
            None, False, False, False, True, False, None, _TDS_TYPES[kind.name],
            65535 if kind.is_max else kind.max_length,
        ))  # fmt: skip
    return row_set(_UNDECLARED, rows)


def describe(environment: Environment, sql: str) -> tuple[QueryBinder, list[OutputColumn]]:
    """The batch's first statement bound without being run, and the columns that it would answer with."""
    parsed = parse_batch(sql)
    binder = QueryBinder(environment)
    if not parsed:
        return binder, []
    match parsed[0]:
        case syntax.Query():
            return binder, binder.query(parsed[0])[1]
        case syntax.Insert():
            statements.insert_source(binder, parsed[0])
        case syntax.Update():
            statements.bind_update(binder, parsed[0])
        case syntax.Delete():
            statements.bind_delete(binder, parsed[0])
    return binder, []


_FIRST_RESULT = (
    ("is_hidden", BIT), ("column_ordinal", INT), ("name", SYSNAME), ("is_nullable", BIT), ("system_type_id",
                                                                                           INT),
    ("system_type_name", nvarchar(256)), ("max_length", SMALLINT), ("precision", TINYINT), ("scale", TINYINT),
    ("collation_name", SYSNAME),
)  # fmt: skip


def describe_first_result_set(environment: Environment, arguments: Arguments) -> RowSet:
    """sp_describe_first_result_set: the columns up to collation_name."""
    if _argument(arguments, "params", 1):
        raise refused("sp_describe_first_result_set with parameters")
    _, output = describe(environment, _text(arguments, "tsql", 0) or "")
    rows = [
        (False, number, column.name or None, column.nullable, SYSTEM_TYPE_IDS[column.type.name],
         column.type.declaration,
         column.type.max_length, column.type.catalog_precision, column.type.catalog_scale,
         "SQL_Latin1_General_CP1_CI_AS" if column.type.is_string else None)
        for number, column in enumerate(output, 1)
    ]  # fmt: skip
    return row_set(_FIRST_RESULT, rows)


PROCEDURES: dict[str, Callable[[Environment, Arguments], RowSet]] = {
    "sp_tables": tables,
    "sp_columns": columns,
    "sp_columns_90": columns,
    "sp_columns_100": columns,
    "sp_pkeys": primary_keys,
    "sp_fkeys": foreign_keys,
    "sp_statistics": table_statistics,
    "sp_statistics_100": table_statistics,
    "sp_datatype_info": datatype_info,
    "sp_datatype_info_90": datatype_info,
    "sp_datatype_info_100": datatype_info,
    "sp_describe_undeclared_parameters": describe_undeclared_parameters,
    "sp_describe_first_result_set": describe_first_result_set,
}
