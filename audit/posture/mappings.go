package posture

// framework is one version of a catalogue of controls, and where a reader finds it.
// A version may be empty: not every catalogue has one.
type framework struct{ name, version, source string }

var (
	cis12          = framework{"cis-aws", "1.2", "CIS Amazon Web Services Foundations Benchmark 1.2; numbers as Prowler maps them, 2026"}
	cis14          = framework{"cis-aws", "1.4", "CIS Amazon Web Services Foundations Benchmark 1.4; numbers as Prowler maps them, 2026"}
	cis15          = framework{"cis-aws", "1.5", "CIS Amazon Web Services Foundations Benchmark 1.5; numbers as Prowler maps them, 2026"}
	cis20          = framework{"cis-aws", "2.0", "CIS Amazon Web Services Foundations Benchmark 2.0; numbers as Prowler maps them, 2026"}
	cis30          = framework{"cis-aws", "3.0", "CIS Amazon Web Services Foundations Benchmark 3.0; numbers as Prowler maps them, 2026"}
	cis40          = framework{"cis-aws", "4.0", "CIS Amazon Web Services Foundations Benchmark 4.0; numbers as Prowler maps them, 2026"}
	cis50          = framework{"cis-aws", "5.0", "CIS Amazon Web Services Foundations Benchmark 5.0; numbers as Prowler maps them, 2026"}
	cis60          = framework{"cis-aws", "6.0", "CIS Amazon Web Services Foundations Benchmark 6.0; numbers as Prowler maps them, 2026"}
	cis70          = framework{"cis-aws", "7.0", "CIS Amazon Web Services Foundations Benchmark 7.0; numbers as Prowler maps them, 2026"}
	securityHub    = framework{"aws-security-hub", "", "AWS Security Hub CSPM user guide, IAM controls"}
	securityHubPCI = framework{"aws-security-hub", "pci-3.2.1", "AWS Security Hub CSPM user guide, PCI DSS 3.2.1 controls"}
	pci321         = framework{"pci-dss", "3.2.1", "PCI DSS 3.2.1; mapped so by Prowler or Powerpipe, 2026"}
	pci40          = framework{"pci-dss", "4.0", "PCI DSS 4.0; mapped so by Prowler or Powerpipe, 2026"}
	nist53         = framework{"nist-800-53", "r5", "NIST SP 800-53 revision 5; mapped so by Prowler or Powerpipe, 2026"}
	nist171        = framework{"nist-800-171", "", "NIST SP 800-171; mapped so by Prowler or Powerpipe, 2026"}
	nistCSF        = framework{"nist-csf", "2.0", "NIST Cybersecurity Framework 2.0; mapped so by Prowler or Powerpipe, 2026"}
	iso27001       = framework{"iso-27001", "2022", "ISO/IEC 27001:2022, annex A; mapped so by Prowler or Powerpipe, 2026"}
	soc2           = framework{"soc-2", "", "AICPA Trust Services Criteria; mapped so by Prowler or Powerpipe, 2026"}
	hipaa          = framework{"hipaa", "", "HIPAA Security Rule, 45 CFR part 164; mapped so by Prowler or Powerpipe, 2026"}
)

// mapped are the controls that each check answers to, as public tools map them
// (Prowler, Powerpipe, AWS Config and Security Hub), read in autumn 2026. A control that
// is not here was not found, not ruled out. CIS 7.0 was seen in one tool only.
var mapped = []struct {
	check string
	of    *framework
	ids   []string
}{
	{idRootMFA, &cis12, []string{"1.13"}},
	{idRootMFA, &cis14, []string{"1.5"}},
	{idRootMFA, &cis15, []string{"1.5"}},
	{idRootMFA, &cis20, []string{"1.5"}},
	{idRootMFA, &cis30, []string{"1.5"}},
	{idRootMFA, &cis40, []string{"1.5"}},
	{idRootMFA, &cis50, []string{"1.4"}},
	{idRootMFA, &cis60, []string{"2.4"}},
	{idRootMFA, &cis70, []string{"2.5"}},
	{idRootMFA, &securityHub, []string{"IAM.9"}},
	{idRootMFA, &pci40, []string{"8.4.1", "8.4.2", "8.4.3"}},
	{idRootMFA, &nist53, []string{"IA-2(1)", "IA-2(2)", "IA-2(6)", "IA-2(8)", "AC-2(1)", "AC-3(2)", "AC-3(3)", "AC-3(4)", "AC-3(8)", "AC-3(12)", "AC-3(13)", "AC-3(15)", "AC-4(28)", "AC-7(4)", "AC-24", "CM-6a", "CM-9b", "SC-23(3)"}},
	{idRootMFA, &nist171, []string{"3.5.3"}},
	{idRootMFA, &iso27001, []string{"A.5.15", "A.5.17", "A.8.5"}},
	{idRootMFA, &soc2, []string{"CC6.6"}},
	{idRootMFA, &hipaa, []string{"164.308(a)(3)(ii)(A)", "164.312(d)"}},
	{idRootMFA, &nistCSF, []string{"PR.AA-01", "PR.AA-03"}},

	{idRootHardware, &cis12, []string{"1.14"}},
	{idRootHardware, &cis14, []string{"1.6"}},
	{idRootHardware, &cis15, []string{"1.6"}},
	{idRootHardware, &cis20, []string{"1.6"}},
	{idRootHardware, &cis30, []string{"1.6"}},
	{idRootHardware, &cis40, []string{"1.6"}},
	{idRootHardware, &cis50, []string{"1.5"}},
	{idRootHardware, &cis60, []string{"2.5"}},
	{idRootHardware, &cis70, []string{"2.6"}},
	{idRootHardware, &securityHub, []string{"IAM.6"}},
	{idRootHardware, &pci40, []string{"8.4.1", "8.4.2", "8.4.3"}},
	{idRootHardware, &nist53, []string{"IA-2(1)", "IA-2(2)", "IA-2(6)", "IA-2(8)", "AC-2(1)", "AC-3(2)", "AC-3(3)", "AC-3(4)", "AC-3(8)", "AC-3(12)", "AC-3(13)", "AC-3(15)", "AC-4(28)", "AC-7(4)", "AC-24", "CM-6a", "CM-9b", "SC-23(3)", "CM-5(1)a"}},
	{idRootHardware, &soc2, []string{"CC6.6"}},

	{idRootKey, &cis14, []string{"1.4"}},
	{idRootKey, &cis15, []string{"1.4"}},
	{idRootKey, &cis20, []string{"1.4"}},
	{idRootKey, &cis30, []string{"1.4"}},
	{idRootKey, &cis40, []string{"1.4"}},
	{idRootKey, &cis50, []string{"1.3"}},
	{idRootKey, &cis60, []string{"2.3"}},
	{idRootKey, &cis70, []string{"2.4"}},
	{idRootKey, &securityHub, []string{"IAM.4"}},

	{idRootUse, &cis14, []string{"1.7"}},
	{idRootUse, &cis15, []string{"1.7"}},
	{idRootUse, &cis20, []string{"1.7"}},
	{idRootUse, &cis30, []string{"1.7"}},
	{idRootUse, &cis40, []string{"1.7"}},
	{idRootUse, &cis50, []string{"1.6"}},
	{idRootUse, &cis60, []string{"2.6"}},
	{idRootUse, &cis70, []string{"2.7"}},

	{idRootCentral, &cis70, []string{"2.1.1"}},

	{idConsoleMFA, &cis12, []string{"1.2"}},
	{idConsoleMFA, &cis14, []string{"1.10"}},
	{idConsoleMFA, &cis15, []string{"1.10"}},
	{idConsoleMFA, &cis20, []string{"1.10"}},
	{idConsoleMFA, &cis30, []string{"1.10"}},
	{idConsoleMFA, &cis40, []string{"1.10"}},
	{idConsoleMFA, &cis50, []string{"1.9"}},
	{idConsoleMFA, &cis60, []string{"2.9"}},
	{idConsoleMFA, &cis70, []string{"2.10"}},
	{idConsoleMFA, &securityHub, []string{"IAM.5"}},
	{idConsoleMFA, &pci321, []string{"8.3", "8.3.1", "8.3.2", "8.6"}},
	{idConsoleMFA, &pci40, []string{"8.4.1", "8.4.2", "8.4.3"}},
	{idConsoleMFA, &nist53, []string{"IA-2(1)", "IA-2(2)", "IA-2(6)", "IA-2(8)", "AC-2(1)"}},
	{idConsoleMFA, &nist171, []string{"3.5.3"}},
	{idConsoleMFA, &iso27001, []string{"A.5.15", "A.5.17", "A.8.5"}},
	{idConsoleMFA, &soc2, []string{"CC3.2", "CC6.6"}},
	{idConsoleMFA, &hipaa, []string{"164.312(a)(1)", "164.312(d)"}},
	{idConsoleMFA, &nistCSF, []string{"PR.AA-01", "PR.AA-02", "PR.AA-03", "PR.AA-04"}},

	{idAnyMFA, &securityHub, []string{"IAM.19"}},
	{idAnyMFA, &securityHubPCI, []string{"PCI.IAM.6"}},
	{idAnyMFA, &pci40, []string{"7.2.1", "7.2.2", "7.2.5", "7.3.1", "7.3.2", "7.3.3", "8.4.1", "8.4.2", "8.4.3", "11.5.2"}},
	{idAnyMFA, &nist53, []string{"IA-2(1)", "IA-2(2)", "IA-2(6)", "IA-2(8)", "AC-2(1)"}},
	{idAnyMFA, &soc2, []string{"CC6.6"}},
	{idAnyMFA, &hipaa, []string{"164.308(a)(4)(ii)(B)"}},

	{idHardware, &iso27001, []string{"A.8.5"}},

	{idAdminMFA, &nistCSF, []string{"PR.AA-05"}},

	{idConsoleUnused, &cis14, []string{"1.12"}},
	{idConsoleUnused, &cis15, []string{"1.12"}},
	{idConsoleUnused, &cis20, []string{"1.12"}},
	{idConsoleUnused, &cis30, []string{"1.12"}},
	{idConsoleUnused, &cis40, []string{"1.12"}},
	{idConsoleUnused, &cis50, []string{"1.11"}},
	{idConsoleUnused, &cis60, []string{"2.11"}},
	{idConsoleUnused, &cis70, []string{"2.11"}},
	{idConsoleUnused, &securityHub, []string{"IAM.8", "IAM.22"}},
	{idConsoleUnused, &pci321, []string{"8.1.4"}},
	{idConsoleUnused, &nist53, []string{"AC-2(3)"}},
	{idConsoleUnused, &iso27001, []string{"A.5.15"}},
	{idConsoleUnused, &soc2, []string{"CC1.3"}},
}
