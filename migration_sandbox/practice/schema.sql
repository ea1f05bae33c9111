-- The database of a practice that runs PANDA Perio, as the sandbox creates it. PANDA's own schema is not public:
-- this is the project's default profile, plain T-SQL for SQL Server 2016 and later. Times are the practice's local
-- time without an offset; RowVer is assigned by the server on every insert and update.

-- Dentists, hygienists and staff of the practice, and the dentists outside it who refer patients.
-- Credentials, Specialty and Role are free text, written differently by everybody who types them.
CREATE TABLE dbo.Provider (
  ProviderID    int            NOT NULL PRIMARY KEY,
  FirstName     nvarchar(100)  NULL,
  LastName      nvarchar(100)  NOT NULL,
  Credentials   nvarchar(200)  NULL,
  Specialty     nvarchar(100)  NULL,
  Role          nvarchar(50)   NULL,
  NPI           varchar(10)    NULL,
  Email         nvarchar(254)  NULL,
  Phone         nvarchar(30)   NULL,
  PracticeName  nvarchar(200)  NULL,
  IsReferring   bit            NOT NULL DEFAULT 0,
  Active        bit            NOT NULL DEFAULT 1,
  CreatedAt     datetime2(3)   NOT NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- Names and addresses as typed at the desk or passed by the Open Dental bridge, which sets BridgeID,
-- writes NA for a blank and _ for a space. ChartNumber is neither unique nor always there.
CREATE TABLE dbo.Patient (
  PatientID     int            NOT NULL PRIMARY KEY,
  ChartNumber   nvarchar(20)   NULL,
  FirstName     nvarchar(100)  NULL,
  MiddleName    nvarchar(100)  NULL,
  LastName      nvarchar(100)  NULL,
  PreferredName nvarchar(100)  NULL,
  DateOfBirth   date           NULL,
  Sex           char(1)        NULL,
  Email         nvarchar(254)  NULL,
  HomePhone     nvarchar(30)   NULL,
  WorkPhone     nvarchar(30)   NULL,
  MobilePhone   nvarchar(30)   NULL,
  Address1      nvarchar(200)  NULL,
  Address2      nvarchar(200)  NULL,
  City          nvarchar(100)  NULL,
  State         nvarchar(50)   NULL,
  Zip           nvarchar(20)   NULL,
  PrimaryProviderID int        NULL REFERENCES dbo.Provider(ProviderID),
  BridgeID      nvarchar(50)   NULL,
  Inactive      bit            NOT NULL DEFAULT 0,
  CreatedAt     datetime2(3)   NOT NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- One charting session. ToothNumberingSystem (Universal, Palmer, FDI) says how its teeth are written;
-- both indices are percentages of the sites that were charted.
CREATE TABLE dbo.ClinicalExam (
  ExamID        int            NOT NULL PRIMARY KEY,
  PatientID     int            NOT NULL REFERENCES dbo.Patient(PatientID),
  ProviderID    int            NULL REFERENCES dbo.Provider(ProviderID),
  ExamDate      datetime2(0)   NOT NULL,
  ChartingType  nvarchar(30)   NULL,
  ToothNumberingSystem nvarchar(20) NULL,
  PlaqueIndex   decimal(5,2)   NULL,
  BleedingIndex decimal(5,2)   NULL,
  Notes         nvarchar(max)  NULL,
  CreatedAt     datetime2(3)   NOT NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- A row for each tooth charted in an exam, the tooth in the exam's numbering system. Depths and recession in mm;
-- recession is positive when the margin lies apical of the cemento-enamel junction. A null was not charted, a 0 was.
-- Mobility: Miller 0-3 with half grades. Furcation: Glickman 0-4 by entrance.
CREATE TABLE dbo.PeriodontalCharting (
  ChartingID    bigint         NOT NULL PRIMARY KEY,
  ExamID        int            NOT NULL REFERENCES dbo.ClinicalExam(ExamID),
  Tooth         nvarchar(6)    NOT NULL,
  ToothStatus   nvarchar(20)   NULL,
  PocketDepth_MB tinyint NULL, PocketDepth_B tinyint NULL, PocketDepth_DB tinyint NULL,
  PocketDepth_ML tinyint NULL, PocketDepth_L tinyint NULL, PocketDepth_DL tinyint NULL,
  Recession_MB smallint NULL, Recession_B smallint NULL, Recession_DB smallint NULL,
  Recession_ML smallint NULL, Recession_L smallint NULL, Recession_DL smallint NULL,
  BOP_MB bit NULL, BOP_B bit NULL, BOP_DB bit NULL, BOP_ML bit NULL, BOP_L bit NULL, BOP_DL bit NULL,
  Suppuration_MB bit NULL, Suppuration_B bit NULL, Suppuration_DB bit NULL,
  Suppuration_ML bit NULL, Suppuration_L bit NULL, Suppuration_DL bit NULL,
  Plaque_MB bit NULL, Plaque_B bit NULL, Plaque_DB bit NULL,
  Plaque_ML bit NULL, Plaque_L bit NULL, Plaque_DL bit NULL,
  Mobility      decimal(2,1)   NULL,
  Furcation_M   tinyint        NULL,
  Furcation_D   tinyint        NULL,
  Furcation_B   tinyint        NULL,
  Furcation_L   tinyint        NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);
CREATE INDEX IX_PeriodontalCharting_Exam ON dbo.PeriodontalCharting (ExamID);

-- What a practice charts that has no column of its own.
CREATE TABLE dbo.ExamFinding (
  FindingID     bigint         NOT NULL PRIMARY KEY,
  ExamID        int            NOT NULL REFERENCES dbo.ClinicalExam(ExamID),
  Tooth         nvarchar(6)    NULL,
  Site          varchar(2)     NULL,
  FindingName   nvarchar(100)  NOT NULL,
  FindingValue  nvarchar(400)  NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- Stage and grade (AAP 2017), in whatever spelling the clinician used.
CREATE TABLE dbo.PeriodontalClassification (
  ClassificationID int         NOT NULL PRIMARY KEY,
  PatientID     int            NOT NULL REFERENCES dbo.Patient(PatientID),
  ExamID        int            NULL REFERENCES dbo.ClinicalExam(ExamID),
  Stage         nvarchar(10)   NULL,
  Grade         nvarchar(10)   NULL,
  Extent        nvarchar(30)   NULL,
  StagedAt      datetime2(0)   NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- A plan proposed to a patient, with its narrative.
CREATE TABLE dbo.TreatmentPlan (
  PlanID        int            NOT NULL PRIMARY KEY,
  PatientID     int            NOT NULL REFERENCES dbo.Patient(PatientID),
  ProviderID    int            NULL REFERENCES dbo.Provider(ProviderID),
  PlanName      nvarchar(200)  NULL,
  TreatmentType nvarchar(100)  NULL,
  Status        nvarchar(30)   NULL,
  EstimatedCost decimal(12,2)  NULL,
  TreatmentNotes nvarchar(max) NULL,
  ProposedAt    date           NULL,
  AcceptedAt    date           NULL,
  CompletedAt   date           NULL,
  CreatedAt     datetime2(3)   NOT NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- The steps of a plan in their order; a step may name a tooth, a range, a quadrant or an arch.
CREATE TABLE dbo.TreatmentPlanLine (
  LineID        int            NOT NULL PRIMARY KEY,
  PlanID        int            NOT NULL REFERENCES dbo.TreatmentPlan(PlanID),
  Sequence      int            NOT NULL,
  Phase         nvarchar(100)  NULL,
  ProcedureCode nvarchar(10)   NULL,
  Description   nvarchar(400)  NULL,
  ToothSite     nvarchar(50)   NULL,
  EstimatedCost decimal(12,2)  NULL,
  HealingWeeks  int            NULL,
  ScheduledDate date           NULL,
  Status        nvarchar(30)   NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- Patients sent to the practice and by it. ProviderID is the other side, where it is a known provider.
CREATE TABLE dbo.Referral (
  ReferralID    int            NOT NULL PRIMARY KEY,
  PatientID     int            NOT NULL REFERENCES dbo.Patient(PatientID),
  Direction     nvarchar(10)   NOT NULL,
  ProviderID    int            NULL REFERENCES dbo.Provider(ProviderID),
  ReferrerName  nvarchar(200)  NULL,
  ReferrerPractice nvarchar(200) NULL,
  ReferrerPhone nvarchar(30)   NULL,
  ReferrerEmail nvarchar(254)  NULL,
  ReferralType  nvarchar(50)   NULL,
  Status        nvarchar(30)   NULL,
  ReferredAt    date           NULL,
  CompletedAt   date           NULL,
  Notes         nvarchar(max)  NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- Generated letters and scanned papers, kept in the database.
CREATE TABLE dbo.Document (
  DocumentID    int            NOT NULL PRIMARY KEY,
  PatientID     int            NULL REFERENCES dbo.Patient(PatientID),
  FileName      nvarchar(255)  NOT NULL,
  MimeType      nvarchar(100)  NULL,
  Content       varbinary(max) NULL,
  CreatedAt     datetime2(3)   NOT NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- Bodies with merge fields (<<Patient.FirstName>>) and conditions (<<IF ...>>...<<END IF>>).
CREATE TABLE dbo.LetterTemplate (
  TemplateID    int            NOT NULL PRIMARY KEY,
  Name          nvarchar(200)  NOT NULL,
  Category      nvarchar(50)   NULL,
  Body          nvarchar(max)  NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- What was sent to whom about which plan or referral.
CREATE TABLE dbo.Letter (
  LetterID      int            NOT NULL PRIMARY KEY,
  PatientID     int            NOT NULL REFERENCES dbo.Patient(PatientID),
  ProviderID    int            NULL REFERENCES dbo.Provider(ProviderID),
  PlanID        int            NULL REFERENCES dbo.TreatmentPlan(PlanID),
  ReferralID    int            NULL REFERENCES dbo.Referral(ReferralID),
  TemplateID    int            NULL REFERENCES dbo.LetterTemplate(TemplateID),
  LetterType    nvarchar(50)   NULL,
  Recipient     nvarchar(200)  NULL,
  Subject       nvarchar(255)  NULL,
  DocumentID    int            NULL REFERENCES dbo.Document(DocumentID),
  SentAt        datetime2(0)   NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- The calendar, past and future.
CREATE TABLE dbo.Appointment (
  AppointmentID int            NOT NULL PRIMARY KEY,
  PatientID     int            NOT NULL REFERENCES dbo.Patient(PatientID),
  ProviderID    int            NULL REFERENCES dbo.Provider(ProviderID),
  SessionType   nvarchar(100)  NULL,
  StartsAt      datetime2(0)   NOT NULL,
  DurationMinutes int          NULL,
  Status        nvarchar(30)   NULL,
  Notes         nvarchar(max)  NULL,
  CreatedAt     datetime2(3)   NOT NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- SOAP notes in four parts, or one Body of rich text.
CREATE TABLE dbo.ClinicalNote (
  NoteID        int            NOT NULL PRIMARY KEY,
  PatientID     int            NOT NULL REFERENCES dbo.Patient(PatientID),
  AppointmentID int            NULL REFERENCES dbo.Appointment(AppointmentID),
  ProviderID    int            NULL REFERENCES dbo.Provider(ProviderID),
  NoteType      nvarchar(20)   NULL,
  Subjective    nvarchar(max)  NULL,
  Objective     nvarchar(max)  NULL,
  Assessment    nvarchar(max)  NULL,
  [Plan]        nvarchar(max)  NULL,
  Body          nvarchar(max)  NULL,
  CreatedAt     datetime2(3)   NOT NULL,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- Images by tooth site, as a path on the practice's file share or as a Document.
CREATE TABLE dbo.Radiograph (
  RadiographID  int            NOT NULL PRIMARY KEY,
  PatientID     int            NOT NULL REFERENCES dbo.Patient(PatientID),
  ToothSite     nvarchar(50)   NULL,
  ImageType     nvarchar(50)   NULL,
  TakenAt       datetime2(0)   NULL,
  FilePath      nvarchar(400)  NULL,
  DocumentID    int            NULL REFERENCES dbo.Document(DocumentID),
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- Coverage in percent by class of procedure, the first insurance with Priority 1.
CREATE TABLE dbo.Insurance (
  InsuranceID   int            NOT NULL PRIMARY KEY,
  PatientID     int            NOT NULL REFERENCES dbo.Patient(PatientID),
  Priority      int            NOT NULL DEFAULT 1,
  Carrier       nvarchar(200)  NULL,
  PolicyNumber  nvarchar(50)   NULL,
  GroupNumber   nvarchar(50)   NULL,
  CoveragePreventive decimal(5,2) NULL,
  CoverageBasic decimal(5,2)   NULL,
  CoverageMajor decimal(5,2)   NULL,
  Active        bit            NOT NULL DEFAULT 1,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);

-- Logins of the practice's staff.
CREATE TABLE dbo.StaffUser (
  UserID        int            NOT NULL PRIMARY KEY,
  WindowsLogin  nvarchar(100)  NULL,
  FullName      nvarchar(200)  NULL,
  Role          nvarchar(50)   NULL,
  Email         nvarchar(254)  NULL,
  Active        bit            NOT NULL DEFAULT 1,
  ModifiedAt    datetime2(3)   NOT NULL,
  RowVer        rowversion     NOT NULL
);
