"""What is done to patients: courses of treatment, each a sequence of steps with a CDT procedure code.

The codes are facts; every text here is our own, since the CDT nomenclature is licensed by the American Dental
Association. A step has two texts, the plan's and the letters', because in PANDA they differ. A healing period
is a step without a code. Costs in whole dollars, healing in weeks.
"""

from dataclasses import dataclass

from migration_sandbox.practice.tooth_sites import ARCH, LL, LR, MOUTH, QUADRANT, RANGE, TOOTH, UL, UR


@dataclass(frozen=True)
class Step:
    phase: str
    code: str | None
    text: str
    letter: str
    cost: int
    weeks: int | None
    site: int


@dataclass(frozen=True)
class Course:
    name: str
    treatment_type: str
    weight: float
    steps: tuple[Step, ...]


def _cleaning(quadrant: int) -> Step:
    return Step(
        "initial therapy",
        "D4341",
        "Root cleaning, whole quadrant",
        "deep cleaning below the gums",
        285,
        None,
        quadrant,
    )


_REVIEW = Step(
    "re-evaluation", "D0171", "Check after healing", "a visit to see how you have healed", 60, None, MOUTH
)
_UPKEEP = Step(
    "maintenance", "D4910", "Perio recall visit", "regular gum care every three months", 165, None, MOUTH
)
_REMOVAL = Step("extraction", "D7140", "Remove tooth, simple", "taking out the tooth", 240, None, TOOTH)
_SURGICAL_REMOVAL = Step(
    "extraction",
    "D7210",
    "Remove tooth with flap",
    "taking out the tooth by a small operation",
    365,
    None,
    TOOTH,
)
_GRAFT = Step(
    "bone graft", "D7953", "Socket graft, allograft 0.5 cc", "filling the gap with bone", 540, None, TOOTH
)
_LAST_HEALING = Step(
    "healing period", None, "Integration, provisional worn", "time for the implant to grow in", 0, 12, TOOTH
)
_POST = Step(
    "implant placement", "D6010", "Implant fixture 4.1 x 10", "placing the implant", 2150, None, TOOTH
)
_CROWN = Step(
    "restoration", "D6058", "Abutment crown, zirconia", "the new crown on the implant", 1680, None, TOOTH
)


def _healing(weeks: int, site: int = TOOTH) -> Step:
    return Step(
        "healing period", None, f"Heal {weeks} weeks before next step", "time to heal", 0, weeks, site
    )


COURSES = (
    Course("Implant", "Implant therapy", 2.0, (_REMOVAL, _GRAFT, _healing(16), _POST, _LAST_HEALING, _CROWN)),
    Course(
        "Implant with sinus lift",
        "Implant therapy",
        0.6,
        (
            _SURGICAL_REMOVAL,
            Step(
                "bone graft",
                "D7951",
                "Sinus lift, lateral window",
                "raising the floor of the sinus",
                1900,
                None,
                QUADRANT,
            ),
            _healing(28, QUADRANT),
            _POST,
            _healing(20),
            _CROWN,
        ),
    ),
    Course(
        "Implant bridge",
        "Implant therapy",
        0.5,
        (
            Step(
                "extraction",
                "D7140",
                "Remove teeth in range",
                "taking out the teeth that can't be kept",
                720,
                None,
                RANGE,
            ),
            _healing(12, RANGE),
            Step(
                "implant placement",
                "D6010",
                "Two implant fixtures",
                "placing two implants",
                4300,
                None,
                RANGE,
            ),
            _healing(16, RANGE),
            Step(
                "restoration",
                "D6075",
                "Bridge on implants, per unit",
                "the bridge on your implants",
                4800,
                None,
                RANGE,
            ),
        ),
    ),
    Course(
        "Initial therapy",
        "Non-surgical therapy",
        4.0,
        (_cleaning(UR), _cleaning(LR), _cleaning(UL), _cleaning(LL), _healing(6, MOUTH), _REVIEW, _UPKEEP),
    ),
    Course(
        "Limited initial therapy",
        "Non-surgical therapy",
        1.5,
        (
            Step(
                "initial therapy",
                "D4342",
                "Root cleaning, 1-3 teeth",
                "deep cleaning of a few teeth",
                190,
                None,
                RANGE,
            ),
            _REVIEW,
        ),
    ),
    Course(
        "Pocket surgery",
        "Osseous surgery",
        1.6,
        (
            Step(
                "surgery",
                "D4260",
                "Flap with bone recontouring",
                "an operation to make the pockets shallower",
                1150,
                None,
                QUADRANT,
            ),
            _healing(8, QUADRANT),
            _REVIEW,
            _UPKEEP,
        ),
    ),
    Course(
        "Regeneration",
        "Regenerative surgery",
        1.0,
        (
            Step(
                "surgery",
                "D4263",
                "Bone graft in defect, first site",
                "adding bone around the tooth",
                690,
                None,
                TOOTH,
            ),
            Step("surgery", "D4266", "Membrane, resorbable", "a thin cover over the bone", 480, None, TOOTH),
            _healing(26),
            _REVIEW,
        ),
    ),
    Course(
        "Root coverage",
        "Mucogingival surgery",
        1.0,
        (
            Step(
                "surgery",
                "D4273",
                "CTG from palate, first tooth",
                "moving gum tissue over the root",
                1080,
                None,
                RANGE,
            ),
            _healing(6, RANGE),
            _REVIEW,
        ),
    ),
    Course(
        "Crown lengthening",
        "Mucogingival surgery",
        0.7,
        (
            Step(
                "surgery",
                "D4249",
                "Expose sound tooth structure",
                "uncovering more of the tooth",
                820,
                None,
                TOOTH,
            ),
            _healing(8),
        ),
    ),
    Course(
        "Full arch",
        "Full-arch rehabilitation",
        0.3,
        (
            Step(
                "extraction",
                "D7210",
                "Clear arch",
                "taking out the remaining teeth of the jaw",
                3600,
                None,
                ARCH,
            ),
            Step(
                "implant placement",
                "D6010",
                "Six implant fixtures",
                "placing six implants",
                12900,
                None,
                ARCH,
            ),
            _healing(18, ARCH),
            Step(
                "restoration",
                "D6114",
                "Fixed arch on implants",
                "fixed teeth on the implants",
                18500,
                None,
                ARCH,
            ),
        ),
    ),
    Course("Maintenance year", "Maintenance", 1.2, (_UPKEEP, _UPKEEP, _UPKEEP, _UPKEEP)),
    Course(
        "Gum inflammation, child",
        "Non-surgical therapy",
        0.0,
        (
            Step(
                "initial therapy", "D4346", "Cleaning, inflamed gums", "a thorough cleaning", 120, None, MOUTH
            ),
            Step("prevention", "D1351", "Seal grooves", "sealing the chewing surface", 55, None, TOOTH),
        ),
    ),
)
IMPLANT = 0
FOR_A_CHILD = len(COURSES) - 1
# What a step with such a phase is called in the appointment book.
SURGICAL_PHASES = ("surgery", "extraction", "bone graft", "implant placement")
