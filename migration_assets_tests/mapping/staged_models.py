"""The staged tables as far as a mapping sees them: column names, types and nulls, without their checks."""

from __future__ import annotations

from typing import Annotated, Any

import pandera.polars as pa
import polars as pl

Time = Annotated[pl.Datetime, "ms", "UTC"]
Index = Annotated[pl.Decimal, 5, 2]
Grade = Annotated[pl.Decimal, 2, 1]


def _null() -> Any:
    return pa.Field(nullable=True)


class Patients(pa.DataFrameModel):
    source_id: pl.String
    chart_number: pl.String = _null()
    first_name: pl.String = _null()
    middle_name: pl.String = _null()
    last_name: pl.String
    preferred_name: pl.String = _null()
    date_of_birth: pl.Date = _null()
    sex: pl.String = _null()
    email: pl.String = _null()
    home_phone: pl.String = _null()
    work_phone: pl.String = _null()
    mobile_phone: pl.String = _null()
    address1: pl.String = _null()
    address2: pl.String = _null()
    street: pl.String = _null()
    city: pl.String = _null()
    state: pl.String = _null()
    postal_code: pl.String = _null()
    provider_id: pl.String = _null()
    bridge_id: pl.String = _null()
    inactive: pl.Boolean
    created_at: Time = _null()
    modified_at: Time = _null()


class ClinicalExams(pa.DataFrameModel):
    source_id: pl.String
    patient_id: pl.String
    provider_id: pl.String = _null()
    examined_on: pl.Date
    examined_at: Time
    charting_type: pl.String = _null()
    numbering_system: pl.String = _null()
    plaque_index: Index = _null()
    bleeding_index: Index = _null()
    notes: pl.String = _null()
    rejected_teeth: pl.Int32
    chart_incomplete: pl.Boolean
    created_at: Time = _null()
    modified_at: Time = _null()


class Charting(pa.DataFrameModel):
    source_id: pl.String
    exam_id: pl.String
    tooth: pl.String
    universal: pl.String
    slot: pl.Int8 = _null()
    status: pl.String = _null()
    pocket_depth_mb: pl.Int16 = _null()
    pocket_depth_b: pl.Int16 = _null()
    pocket_depth_db: pl.Int16 = _null()
    pocket_depth_ml: pl.Int16 = _null()
    pocket_depth_l: pl.Int16 = _null()
    pocket_depth_dl: pl.Int16 = _null()
    recession_mb: pl.Int16 = _null()
    recession_b: pl.Int16 = _null()
    recession_db: pl.Int16 = _null()
    recession_ml: pl.Int16 = _null()
    recession_l: pl.Int16 = _null()
    recession_dl: pl.Int16 = _null()
    bleeding_mb: pl.Boolean = _null()
    mobility: Grade = _null()
    modified_at: Time = _null()


STAGED_MODELS: dict[str, type[pa.DataFrameModel]] = {
    "patients": Patients,
    "clinical_exams": ClinicalExams,
    "charting": Charting,
}


def empty(model: type[pa.DataFrameModel]) -> pl.DataFrame:
    columns = model.to_schema().columns
    return pl.DataFrame(schema={name: column.dtype.type for name, column in columns.items()})


def rows(model: type[pa.DataFrameModel], *given: dict[str, Any]) -> pl.DataFrame:
    """Staged rows with the columns that matter; the rest is null."""
    schema = empty(model).schema
    return pl.DataFrame([dict.fromkeys(schema) | row for row in given], schema=schema)
