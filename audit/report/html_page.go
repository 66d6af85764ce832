package report

import (
	"cmp"
	"fmt"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// The page is made of gomponents' nodes, which escape every text and every
// attribute's value. No value that somebody else chose becomes a name, a link, a
// style or a script: TestHTMLValuesAreTexts reads this file for that.

func (v *htmlView) page(version, policy string, style, data, script g.Node) g.Node {
	return h.Doctype(h.HTML(h.Lang("en"), g.If(!v.Several, h.Class("one")),
		h.Head(
			h.Meta(h.Charset("utf-8")),
			h.Meta(g.Attr("http-equiv", "Content-Security-Policy"), h.Content(policy)),
			htmlMetaTag("viewport", "width=device-width, initial-scale=1"), htmlMetaTag("color-scheme", "light dark"),
			htmlMetaTag("referrer", "no-referrer"), htmlMetaTag("robots", "noindex"),
			h.TitleEl(g.Text(v.Kind+": "+v.Title)),
			h.Link(h.Rel("icon"), h.Href("data:,")),
			style,
		),
		h.Body(
			h.A(h.Class("skip"), h.Href("#people"), g.Text("Skip to the list of people")),
			h.Div(h.Class("page"), v.mast(), v.contents(), h.Main(
				v.figures(), g.Iff(v.Changed, v.changes), v.factors(), v.accounts(), v.people(), v.checks(), v.gaps(), v.exemptions(),
			), v.footer(version)),
			data, script,
		),
	))
}

func htmlMetaTag(name, content string) g.Node { return h.Meta(h.Name(name), h.Content(content)) }

func (v *htmlView) mast() g.Node {
	return h.Header(h.Class("mast"),
		h.P(h.Class("eyebrow"), h.Span(g.Text(v.Kind)), g.Text(" "), htmlName(v.Title)),
		h.H1(h.Class("headline "+v.Tone), g.Text(v.Headline)),
		g.If(v.Doubts != "", h.P(h.Class("doubts"), g.Text(v.Doubts))),
		h.Dl(h.Class("meta"), g.Map(v.Meta, func(f htmlFact) g.Node { return h.Div(h.Dt(g.Text(f.Name)), h.Dd(g.Text(f.Value))) })),
	)
}

// htmlName is a text that somebody chose: its direction is its own.
func htmlName(s string) g.Node { return g.El("bdi", g.Text(s)) }

func (v *htmlView) contents() g.Node {
	return h.Nav(h.Class("contents"), h.Aria("label", "Sections"), h.Ul(
		g.If(v.Changed, h.Li(h.A(h.Href("#changes"), g.Text("Changes")))),
		h.Li(h.A(h.Href("#factors"), g.Text("Factors"))),
		h.Li(h.A(h.Href("#accounts"), g.Text("Accounts"))),
		h.Li(h.A(h.Href("#people"), g.Text("People"))),
		h.Li(h.A(h.Href("#checks"), g.Text("Checks"))),
		h.Li(h.A(h.Href("#gaps"), g.Text("Not read"))),
		h.Li(h.A(h.Href("#exemptions"), g.Text("Exemptions"))),
	))
}

func (v *htmlView) figures() g.Node {
	return h.Section(h.Aria("labelledby", "figures-title"),
		h.H2(h.ID("figures-title"), h.Class("unseen"), g.Text("Headline figures")),
		h.Ul(h.Class("figures"), g.Map(v.Figures, htmlFigure.node)),
	)
}

func (f htmlFigure) node() g.Node {
	return h.Li(h.Class("figure "+f.Tone),
		h.P(h.Class("label"), g.If(f.Picks != "", h.Data("picks", f.Picks)), g.Text(f.Label)),
		h.P(h.Class("number"), h.Strong(g.Text(f.Number)), g.Text(" "), h.Span(g.Text(f.Of))),
		g.If(f.Note != "", h.P(h.Class("note"), g.Text(f.Note))),
	)
}

// htmlSection is a part of the page with its heading.
func htmlSection(id, title string, parts ...g.Node) g.Node {
	return h.Section(h.ID(id), h.Aria("labelledby", id+"-title"), h.H2(h.ID(id+"-title"), g.Text(title)), g.Group(parts))
}

func htmlIntro(parts ...g.Node) g.Node { return h.P(h.Class("intro"), g.Group(parts)) }

// htmlScroll is a wide table that scrolls by itself, also by keyboard; label
// names it.
func htmlScroll(label g.Node, class, caption string, parts ...g.Node) g.Node {
	return h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("region"), label, h.Table(h.Class(class), htmlCaption(caption), g.Group(parts)))
}

func htmlCaption(s string) g.Node { return h.Caption(h.Class("unseen"), g.Text(s)) }

func htmlHead(columns ...g.Node) g.Node { return h.THead(h.Tr(columns...)) }

// htmlColumn and htmlNumbers head a column of texts and one of numbers.
func htmlColumn(title string) g.Node  { return h.Th(h.Scope("col"), g.Text(title)) }
func htmlNumbers(title string) g.Node { return h.Th(h.Scope("col"), h.Class("n"), g.Text(title)) }

// htmlRow heads a row.
func htmlRow(parts ...g.Node) g.Node { return h.Th(h.Scope("row"), g.Group(parts)) }

func htmlCell(class string, parts ...g.Node) g.Node { return h.Td(h.Class(class), g.Group(parts)) }

func htmlSpan(class, s string) g.Node { return h.Span(h.Class(class), g.Text(s)) }

func htmlNumber(n int) g.Node { return g.Text(thousands(n)) }

// htmlTally is a number that says little when it is zero.
func htmlTally(n int) g.Node {
	if n == 0 {
		return htmlSpan("quiet", "0")
	}
	return htmlNumber(n)
}

// htmlOpen is a number that is a doubt when it is not zero.
func htmlOpen(n int) g.Node {
	if n == 0 {
		return htmlTally(n)
	}
	return htmlSpan("open", thousands(n))
}

// htmlOr is a text, or a dash where there is none.
func htmlOr(s string) g.Node {
	if s == "" {
		return htmlSpan("quiet", "–")
	}
	return g.Text(s)
}

func htmlBadge(class, s string) g.Node { return h.Span(h.Class("badge "+class), g.Text(s)) }

func (v *htmlView) changes() g.Node {
	return htmlSection("changes", "Changes since "+v.Since,
		h.Ul(h.Class("tally"), g.Map(v.Changes, func(c htmlChanges) g.Node {
			return h.Li(h.Class(c.Tone), h.Strong(htmlNumber(c.Total)), g.Text(" "+c.Name), h.Span(g.Text(c.Meaning)))
		})),
		g.Map(v.Changes, v.changed),
	)
}

func (v *htmlView) changed(c htmlChanges) g.Node {
	if len(c.Rows) == 0 {
		return nil
	}
	return h.Details(h.Class("changes"), h.Summary(g.Text(c.Name+": "), htmlNumber(c.Total)),
		htmlScroll(h.Aria("label", c.Name), "plain", c.Name+": "+c.Meaning,
			htmlHead(htmlColumn("Severity"), htmlColumn("Check"), htmlColumn("About"), g.If(v.Several, htmlColumn("Account")), htmlColumn("Age"), htmlColumn("Detail")),
			h.TBody(g.Map(c.Rows, func(r htmlChange) g.Node {
				return h.Tr(h.Td(htmlBadge(r.Severity.String(), r.Severity.String())), h.Td(h.Code(g.Text(r.Check))), htmlRow(htmlName(r.Subject)),
					g.If(v.Several, h.Td(g.Text(r.Account))), h.Td(g.Text(r.Age)), htmlCell("prose", g.Text(r.Detail)))
			})),
		),
		g.If(c.More > 0, h.P(h.Class("note"), htmlNumber(c.More), g.Text(" more: the json format lists all."))),
	)
}

func (v *htmlView) factors() g.Node {
	return htmlSection("factors", "Which factors people hold",
		htmlIntro(g.Text("Each IAM user counts once, by the strongest factor they are known to hold. FIDO keys and passkeys cannot be phished; one without a known certification may be synced between devices. To AWS, a code app on a security key is a virtual device. Devices include root’s. "+v.FactorNote)),
		h.Table(h.Class("mix"), htmlCaption("Users by their strongest factor, and devices of each kind"),
			htmlHead(htmlColumn("Strongest factor"), h.Th(h.Scope("col"), h.Class("barcell"), htmlSpan("unseen", "Share as a bar")),
				htmlNumbers("Users"), htmlNumbers("Share"), htmlNumbers("Devices")),
			h.TBody(g.Map(v.Factors, htmlFactor.node)),
		),
	)
}

func (f htmlFactor) node() g.Node {
	devices := htmlSpan("quiet", "–")
	if f.HasDevices {
		devices = htmlNumber(f.Devices)
	}
	return h.Tr(h.Th(h.Scope("row"), h.Data("factor", f.Kind), g.Text(f.Label)), htmlCell("barcell", f.bar()),
		htmlCell("n", htmlNumber(f.Users)), htmlCell("n", g.Text(f.Share)), htmlCell("n", devices))
}

func (f htmlFactor) bar() g.Node {
	rect := func(class, width string) g.Node { return g.El("rect", h.Class(class), h.Width(width), h.Height("10")) }
	return h.SVG(h.Class("bar"), g.Attr("viewBox", "0 0 100 10"), g.Attr("preserveAspectRatio", "none"), h.Aria("hidden", "true"), g.Attr("focusable", "false"),
		rect("track", "100"), rect("fill "+f.Kind, f.Bar))
}

func (v *htmlView) accounts() g.Node {
	title := "The account"
	if v.Several {
		title = "Accounts"
	}
	return htmlSection("accounts", title, htmlScroll(h.Aria("labelledby", "accounts-title"), "plain", "Accounts, the one with the worst failures first",
		htmlHead(htmlColumn("Account"), htmlColumn("Root has MFA"), htmlNumbers("Users"), htmlNumbers("Without MFA"), htmlNumbers("Critical"),
			htmlNumbers("High"), htmlNumbers("Medium"), htmlNumbers("Low"), htmlNumbers("Unknown"), htmlColumn("Status")),
		h.TBody(g.Map(v.Accounts, v.account)),
	))
}

func (v *htmlView) account(a htmlAccount) g.Node {
	return h.Tr(
		htmlRow(h.Span(g.If(v.Several, h.Data("account", fmt.Sprint(a.Index))), htmlName(cmp.Or(a.Name, a.ID))), g.If(a.Name != "", htmlSpan("sub", a.ID))),
		h.Td(htmlRoot(a.Root)), a.users(),
		htmlCell("n", htmlTally(a.Critical)), htmlCell("n", htmlTally(a.High)), htmlCell("n", htmlTally(a.Medium)), htmlCell("n", htmlTally(a.Low)),
		htmlCell("n", htmlOpen(a.Unknowns)), h.Td(htmlOr(a.Status)),
	)
}

func htmlRoot(state string) g.Node {
	switch state {
	case "no":
		return htmlSpan("bad", state)
	case "not known":
		return htmlSpan("open", state)
	}
	return g.Text(state)
}

func (a htmlAccount) users() g.Node {
	if a.Unread {
		return h.Td(h.Class("n open"), h.ColSpan("2"), g.Text("not known"))
	}
	doubt := g.If(a.NotKnownMFA > 0, g.Group{g.Text(" "), htmlSpan("open", "+"+thousands(a.NotKnownMFA)+"?")})
	return g.Group{htmlCell("n", htmlNumber(a.Users)), htmlCell("n", htmlNumber(a.WithoutMFA), doubt)}
}

func (v *htmlView) people() g.Node {
	return h.Section(h.ID("people"), h.Aria("labelledby", "people-title"),
		h.H2(h.ID("people-title"), h.TabIndex("-1"), g.Text("People, the greatest risk first")),
		htmlIntro(g.Text("Root and IAM users, and among them whatever else a finding is about: an account, a device, an exemption. "),
			htmlSpan("scripted", "A row opens to everything that was asked about it.")),
		v.unscripted(), htmlFilters(),
		h.P(h.Class("tallyline scripted"), h.ID("count"), h.Role("status"), h.Aria("live", "polite")),
		v.list(),
		h.P(h.Class("more scripted"), h.Button(h.Type("button"), h.ID("more"), g.Attr("hidden"))),
	)
}

func (v *htmlView) unscripted() g.Node {
	shown := ""
	if n := len(v.People); v.PeopleTotal > n {
		shown = fmt.Sprintf("The first %d of %s rows are shown. ", n, thousands(v.PeopleTotal))
	}
	return h.NoScript(h.P(h.Class("notice"), g.Text(shown+"Search, filters and the findings behind each row need this file’s own script, which is switched off.")))
}

func htmlFilters() g.Node {
	pick := func(title, id string) g.Node { return h.Label(g.Text(title+" "), h.Select(h.ID(id))) }
	return h.Form(h.Class("filters scripted"), h.ID("filters"), h.Role("search"), h.Aria("label", "Filter the list of people"),
		h.Label(h.Class("wide"), g.Text("Search "), h.Input(h.Type("search"), h.ID("search"), h.AutoComplete("off"), g.Attr("spellcheck", "false"), h.Placeholder("name, ARN, id, account"))),
		pick("Who", "picks"), pick("Outcome", "outcome"), pick("Severity", "severity"), pick("Check", "check"), pick("Factor", "factor"),
		h.Label(h.Class("several"), g.Text("Account "), h.Select(h.ID("account"))),
		h.Button(h.Type("reset"), g.Text("Clear")),
	)
}

// list is the table of people. Its roles are spelt out, because the style makes
// blocks of its cells on a narrow screen, and a table of blocks is none to a
// screen reader.
func (v *htmlView) list() g.Node {
	column := func(title, sort, class string) g.Node {
		return h.Th(h.Scope("col"), h.Role("columnheader"), h.Data("sort", sort), g.If(class != "", h.Class(class)), g.Text(title))
	}
	return h.Table(h.Class("people"), h.ID("list"), h.Role("table"),
		htmlCaption("People and their second factors. With the script, columns sort and rows open."),
		h.THead(h.Role("rowgroup"), h.Tr(h.Role("row"),
			column("Risk", "risk", ""), column("Name", "name", ""), column("Account", "account", "several"), column("MFA", "mfa", ""),
			column("Factors", "factors", ""), column("Password", "password", ""), column("Key", "key", ""), column("Admin", "admin", ""),
			column("Last sign-in", "signed", ""), column("Fails", "failures", "n"), column("Unknown", "unknowns", "n"),
		)),
		h.TBody(h.ID("rows"), h.Role("rowgroup"), g.Map(v.People, v.person)),
	)
}

func (v *htmlView) person(p *htmlPerson) g.Node {
	cell := func(s, class string) g.Node {
		return h.Td(h.Role("cell"), g.If(class != "", h.Class(class)), g.Text(s))
	}
	failing := p.Failing()
	return h.Tr(h.Role("row"), h.Td(h.Role("cell"), p.badge()),
		h.Th(h.Scope("row"), h.Role("rowheader"), htmlName(p.Label()), g.If(failing != "", htmlSpan("sub", failing))),
		cell(v.data.Accounts[p.Account].ID, "several"), cell(string(p.MFA), ""), cell(p.FactorNames(), ""), cell(string(p.Password), ""),
		cell(string(p.Key), ""), cell(string(p.Admin), ""), cell(p.SignedDay(), ""), cell(fmt.Sprint(p.Failures), "n"), cell(fmt.Sprint(p.Unknowns), "n"))
}

func (p *htmlPerson) badge() g.Node {
	switch {
	case p.Failures > 0:
		return htmlBadge(p.Worst.String(), p.Worst.String())
	case p.Unknowns > 0:
		return htmlBadge("unknown", "unknown")
	}
	return htmlBadge("none", "no failure")
}

func (v *htmlView) checks() g.Node {
	return htmlSection("checks", "Checks",
		htmlIntro(h.Label(h.Class("scripted"), g.Text("Control numbers of "), h.Select(h.ID("framework")))),
		htmlScroll(h.Aria("labelledby", "checks-title"), "plain checks", "What each check asks and how it was answered",
			htmlHead(htmlColumn("Question"), htmlColumn("Severity"), htmlNumbers("Fail"), htmlNumbers("Unknown"), htmlNumbers("Pass"),
				h.Th(h.Scope("col"), h.Class("n"), h.Abbr(h.Title("not applicable"), g.Text("N/A"))), htmlNumbers("Exempt"),
				h.Th(h.Scope("col"), h.ID("controls-title"), g.Text(v.Framework))),
			h.TBody(g.Map(v.Checks, htmlCheckRow.node)),
		),
	)
}

func (c htmlCheckRow) node() g.Node {
	index := fmt.Sprint(c.Index)
	count := func(outcome string, n int) g.Node {
		return h.Td(h.Class("n"), h.Data("check", index), h.Data("outcome", outcome), htmlTally(n))
	}
	return h.Tr(
		htmlRow(h.Details(h.Summary(g.Text(c.Question)), c.about()), h.Code(h.Class("sub"), g.Text(c.ID))), h.Td(htmlBadge(c.Severity, c.Severity)),
		count("fail", c.Fail), count("unknown", c.Unknown), count("pass", c.Pass), count("not_applicable", c.NotApplicable), count("exempt", c.Exempt),
		h.Td(h.Class("controls"), h.Data("controls", index), htmlOr(c.Shown)),
	)
}

func (c htmlCheckRow) about() g.Node {
	lines := func(all []string, end string) g.Node {
		return g.Map(all, func(line string) g.Node { return g.Text(line + end) })
	}
	return h.Div(h.Class("about"), h.P(g.Text(c.Rationale)),
		g.If(len(c.Elsewhere) > 0, h.P(lines(c.Elsewhere, " "))),
		g.If(len(c.Console) > 0, h.P(h.B(g.Text("Console.")), g.Text(" "), lines(c.Console, " "))),
		g.If(len(c.CLI) > 0, h.Pre(h.TabIndex("0"), lines(c.CLI, "\n"))),
		g.If(c.Calls != "", h.P(h.Class("sub"), g.Text("Answered from "+c.Calls))),
	)
}

func (v *htmlView) gaps() g.Node {
	if len(v.Gaps) == 0 {
		return htmlSection("gaps", "What was not read", htmlIntro(g.Text("Nothing that was asked for is missing.")))
	}
	return htmlSection("gaps", "What was not read", htmlIntro(g.Text("An answer that needs one of these facts is unknown, never a pass.")),
		htmlScroll(h.Aria("labelledby", "gaps-title"), "plain", "What was not read and the IAM action that reads it",
			htmlHead(htmlColumn("IAM action"), htmlColumn("Why"), htmlColumn("Missing for"), htmlColumn("Facts"), htmlNumbers("Answers left open")),
			h.TBody(g.Map(v.Gaps, func(n htmlGap) g.Node {
				return h.Tr(htmlRow(g.If(n.Refused, g.Text("allow ")), h.Code(g.Text(n.Action))), htmlCell("prose", g.Text(n.Reason)), h.Td(g.Text(n.For)),
					htmlCell("prose", g.Text(n.Facts)), htmlCell("n", htmlOpen(n.Open)))
			})),
		))
}

func (v *htmlView) exemptions() g.Node {
	if len(v.Exemptions) == 0 {
		return htmlSection("exemptions", "Exemptions", htmlIntro(g.Text("No exemption is in use.")))
	}
	return htmlSection("exemptions", "Exemptions", htmlIntro(g.Text("Failures that somebody accepted, until a date. They are not counted as failures. One that has ended, or that matches nobody, accepts nothing and is a failure of its own.")),
		htmlScroll(h.Aria("labelledby", "exemptions-title"), "plain", "Exemptions, those that ended first",
			htmlHead(htmlColumn("For"), g.If(v.Several, htmlColumn("Account")), htmlColumn("Checks"), htmlColumn("Expires"), htmlColumn("Owner"),
				htmlColumn("Reason"), htmlColumn("Ticket"), htmlNumbers("Turned away")),
			h.TBody(g.Map(v.Exemptions, v.exemption)),
		))
}

func (v *htmlView) exemption(e htmlExemption) g.Node {
	until := g.Node(g.Group{htmlSpan("bad", e.State), htmlSpan("sub", e.Why)})
	if e.Expires != "" {
		until = g.Group{g.Text(e.Expires), htmlSpan("sub", e.Left)}
	}
	return h.Tr(htmlRow(htmlName(e.Who)), g.If(v.Several, h.Td(g.Text(e.Account))), htmlCell("listed", g.Text(e.Checks)), htmlCell("whole", until),
		h.Td(g.Text(e.Owner)), htmlCell("prose", g.Text(e.Reason)), htmlCell("whole", g.Text(e.Ticket)), htmlCell("n", g.If(e.Turned > 0, htmlNumber(e.Turned))))
}

func (v *htmlView) footer(version string) g.Node {
	by, taken := "Made by mfawatch", ""
	if version != "" {
		by += " " + version
	}
	for _, f := range v.Meta {
		if f.Name == "Taken" {
			taken = f.Value
		}
	}
	return h.Footer(h.P(g.Text(by + " from facts read " + taken + ". Ages are counted from then. Resource control policies and session policies were not evaluated, nor service control policies where a finding says that they were not read: who is called an administrator may be stopped by one. This file asks no server for anything; it holds names and ids of the accounts, so send it only to those who may know them.")))
}
