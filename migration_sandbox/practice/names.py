"""Word lists that people and places are drawn from; e-mail domains are reserved ones.

The lists hold what breaks pipelines: accents, apostrophes, hyphens, several words, other scripts, and a
character outside the basic plane. Their length decides nothing but variety.
"""

# One word a line would make three hundred lines of it.
# fmt: off
FEMALE = (
    "Anna", "Beatrice", "Carmen", "Chloë", "Dolores", "Emma", "Eszter", "Fatima", "Grace", "Hannah",
    "Ingrid", "Irène", "Jane", "Jūratė", "Kateřina", "Leila", "Lucía", "Mary-Beth", "Małgorzata",
    "María José", "Nadia", "Olga", "Patricia", "Renée", "Sinéad", "Søs", "Thi Hoa", "Ursula", "Yuki", "Zoë",
    "美咲", "Ольга",
)
MALE = (
    "Aaron", "André", "Björn", "Carlos", "D'Angelo", "David", "Émile", "Fergus", "George", "Hiroshi",
    "Ibrahim", "Jean-Luc", "Jesús", "John", "Kwame", "Lars", "Łukasz", "Mehmet", "Minh", "Nicolás", "Óscar",
    "Pedro", "Quentin", "Robert", "Samuel", "Tomáš", "Ulrich", "Victor", "William", "Xavier", "健太",
    "Дмитрий",
)
LAST = (
    "Abara", "Adeyemi", "Alvarez", "Andersson", "Baker", "Bjørnstad", "Brennan", "Castañeda", "Chen",
    "Çelik", "Cohen", "D'Souza", "De la Fuente", "Dvořák", "Eriksen", "Fitzgerald", "García-Márquez",
    "Goldberg", "Gupta", "Haddad", "Hernández", "Ivanova", "Jackson", "Johnson", "Kaya", "Kim", "Kowalczyk",
    "Le", "Lindqvist", "MacDougall", "Martínez", "McCarthy", "Müller", "Nakamura", "Ng", "Nguyễn", "Núñez",
    "O'Brien", "Okafor", "Patel", "Pérez", "Quispe", "Rossi", "Sæther", "Schröder", "Silva", "Smith",
    "St. James", "Szabó", "Takahashi", "Thorvaldsdóttir", "Ueda", "Van der Berg", "Vasquez", "Weiß",
    "Williams", "Xu", "Y\u0131lmaz", "Zhang", "Ziółkowski", "山田", "𠮷野", "Соколов", "Παπαδόπουλος",
)
STREETS = (
    "Acacia Avenue", "Birch Street", "Calle del Sol", "Dogwood Lane", "Elm Street", "Foundry Road",
    "Grove Place", "Harbor Drive", "Juniper Court", "King Street", "Lindenstraße", "Maple Street",
    "Orchard Way", "Peña Boulevard",
)
UNITS = ("Apt 2", "Apt 4B", "Suite 310", "Unit 7", "c/o Front Desk", "2º piso")
# City, state and the first three digits of its postal codes.
PLACES = (
    ("New York", "NY", "100"), ("Brooklyn", "NY", "112"), ("Jersey City", "NJ", "073"),
    ("Hartford", "CT", "061"), ("Cañon City", "CO", "812"), ("Boston", "MA", "021"),
    ("Coeur d'Alene", "ID", "838"), ("Newark", "NJ", "071"), ("Stamford", "CT", "069"),
    ("White Plains", "NY", "106"), ("Philadelphia", "PA", "191"), ("Albany", "NY", "122"),
)
DOMAINS = ("mail.example", "post.example", "inbox.example.com", "family.example.net", "uni.example.org")
AREA_CODES = ("201", "203", "212", "215", "347", "518", "617", "718", "860", "914")

PRACTICES = (
    "Birchwood Dental", "Smile Studio", "Harbor Family Dentistry", "Müller & Söhne Dental",
    "Downtown Oral Care",
)
CREDENTIALS = (
    "DDS, MS", "D.M.D.; Board Certified", "dds", "DMD MS", "D.D.S.", "RDH", "DDS MS, board certified",
)
SPECIALTIES = (
    "Periodontics", "Perio", "Oral Surgery", "Prosthodontics", "general dentistry",
    "Oral & Maxillofacial Surgery",
)
# Of the dentists outside, many of whom a practice that refers and is referred to knows.
OUTSIDE_CREDENTIALS = (
    "DDS", "DMD", "D.D.S.", "d.m.d.", "DDS, MS", "Dds; ms", "DMD, M.S.", "D.M.D.; Board Certified",
    "DDS MS, board certified", "DMD,MS",
)
OUTSIDE_SPECIALTIES = (
    "General Dentistry", "general dentist", "General dentistry", "Prosthodontics", "Prosthodontist",
    "Oral Surgery", "oral surgery", "Perio", None,
)
OUTSIDE_PRACTICES = (
    "Birchwood Dental", "Smile Studio", "Harbor Family Dentistry", "Müller & Söhne Dental",
    "Downtown Oral Care", "Peña Dental Group", "O'Hara & Associates, P.C.", "Bright Teeth LLC",
    "白い歯 Dental",
    "Lakeside Prosthodontics", "Metro Oral Surgery",
)
CARRIERS = (
    "Acme Dental Mutual", "Beacon Benefit", "Clearwater Health Plan", "Dentalia Insurance",
    "Evergreen Life & Dental", "acme dental mutual", "Förderkasse Nord",
)
# fmt: on
