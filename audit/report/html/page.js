"use strict";
// The list of people: search, filters, order, and what is behind each row.
// Every text is set as a text; nothing here makes elements out of strings.
(() => {
const D = JSON.parse(document.getElementById("data").textContent);
const PAGE = 100;
const OUTCOMES = ["unknown", "pass", "fail", "not_applicable"];
const SEVERITIES = ["info", "low", "medium", "high", "critical"];
const FACTORS = {fido_certified: "FIDO, certified", fido: "FIDO", hardware_totp: "Hardware token", virtual: "Virtual (app)", sms: "Text message", unknown: "Kind not known"};
const STRONG = ["fido_certified", "fido", "hardware_totp"];
const KINDS = {root: "root", iam_user: "user", iam_role: "role", account: "account", mfa_device: "device", exemption: "exemption"};
const several = D.accounts.length > 1;
const number = new Intl.NumberFormat("en");
const byId = id => document.getElementById(id);

function el(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (name === "class") e.className = value;
    else e.setAttribute(name, value);
  }
  e.append(...children.filter(c => c !== null && c !== undefined && c !== ""));
  return e;
}
const many = (n, one, more) => number.format(n) + " " + (n === 1 ? one : more);

// What is asked of each row again and again is worked out once.
const people = D.people.map((p, index) => {
  const account = D.accounts[p.a];
  return Object.assign(p, {
    index, account,
    label: (p.k === "exemption" ? p.i || p.n : p.n || p.r || p.i) || "(not named)", // an exemption's name is its ticket
    text: [p.n, p.i, p.r, account.id, account.name].join("\n").toLowerCase(),
    holder: p.m !== undefined,
  });
});

// The groups of people that the headline figures count.
const PICKS = [
  ["", "Everything", () => true],
  ["users", "IAM users", p => p.k === "iam_user"],
  ["console", "Console users without MFA", p => p.k === "iam_user" && p.p === "yes" && p.m === "no"],
  ["without", "Users without MFA", p => p.k === "iam_user" && p.m === "no"],
  ["admins", "Administrators without MFA", p => p.k === "iam_user" && p.d === "yes" && p.m === "no"],
  ["hardware", "Users with hardware or FIDO", p => p.k === "iam_user" && p.m === "yes" && STRONG.includes(strongest(p))],
  ["told", "Users of whom MFA cannot be told", p => p.k === "iam_user" && (p.m === "unknown" || p.p === "unknown" && p.m === "no")],
  ["unknown", "With questions without an answer", p => p.u > 0],
  ["root", "Root", p => p.k === "root"],
  ["others", "Accounts, devices, exemptions", p => !p.holder],
];

// The same rule as the factor mix: a list that is not complete does not prove
// that there is nothing better.
function strongest(p) {
  if (p.m === "no") return "none";
  if (p.m !== "yes") return "not_known";
  const held = p.f || [];
  const best = Object.keys(FACTORS).find(kind => held.includes(kind));
  return best && (p.c || STRONG.includes(best)) ? best : "unknown";
}

// ---- filters

const state = {search: "", picks: "", outcome: "", severity: "", check: "", factor: "", account: "", sort: "risk", down: true, shown: PAGE, printing: false};
const opened = new Set();
let matching = [];

function answers(finding) {
  if (state.check !== "" && finding[0] !== +state.check) return false;
  if (state.severity !== "" && (SEVERITIES[finding[2]] !== state.severity || (finding[1] !== 2 && finding[1] !== 0))) return false;
  if (state.outcome === "") return true;
  const exempt = finding.length > 5 && finding[5].exempt === true;
  if (state.outcome === "exempt") return exempt;
  return OUTCOMES[finding[1]] === state.outcome && !exempt;
}

function holds(p) {
  if (state.factor === "none" || state.factor === "not_known") return p.k === "iam_user" && strongest(p) === state.factor;
  return p.holder && ((p.f || []).includes(state.factor) || state.factor === "unknown" && strongest(p) === "unknown");
}

function filter() {
  const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
  const pick = (PICKS.find(p => p[0] === state.picks) || PICKS[0])[2];
  const asks = state.outcome !== "" || state.severity !== "" || state.check !== "";
  return people.filter(p =>
    (state.account === "" || p.a === +state.account) && pick(p) && (state.factor === "" || holds(p)) &&
    words.every(w => p.text.includes(w)) && (!asks || p.x.some(answers)));
}

// ---- order

const ANSWER = {no: 0, unknown: 1, yes: 2};
const answer = key => p => p[key] === undefined ? 3 : ANSWER[p[key]];
const SORTS = {
  risk: p => -p.index, name: p => p.label.toLowerCase(), account: p => p.account.name + "\n" + p.account.id, mfa: answer("m"),
  factors: p => p.holder ? ["none", "not_known", "unknown", "sms", "virtual", "hardware_totp", "fido", "fido_certified"].indexOf(strongest(p)) : 9,
  password: answer("p"), key: answer("y"), admin: answer("d"), signed: p => p.s || "", failures: p => p.b, unknowns: p => p.u,
};
const DOWN_FIRST = new Set(["risk", "password", "key", "admin", "signed", "failures", "unknowns"]);

function order(rows) {
  const key = SORTS[state.sort], sign = state.down ? -1 : 1;
  const keyed = rows.map(p => [key(p), p]);
  keyed.sort((a, b) => a[0] < b[0] ? -sign : a[0] > b[0] ? sign : a[1].index - b[1].index);
  return keyed.map(k => k[1]);
}

function markOrder() {
  for (const th of document.querySelectorAll("th[data-sort]")) {
    if (th.dataset.sort === state.sort) th.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  }
}

// ---- rows

function badge(p) {
  if (p.b > 0) return el("span", {class: "badge " + p.w}, p.w);
  if (p.u > 0) return el("span", {class: "badge unknown"}, "unknown");
  return el("span", {class: "badge none"}, "no failure");
}

function known(value, bad) {
  if (value === undefined) return [el("span", {class: "quiet"}, "–"), true];
  if (value === "unknown") return [el("span", {class: "open"}, "not known"), false];
  return [value === bad ? el("span", {class: "bad"}, value) : value, false];
}

function cell(label, content, extra, blank) {
  return el("td", {role: "cell", "data-label": label, class: (extra || "") + (blank ? " blank" : "")}, content);
}

function factorsOf(p) {
  const counts = new Map();
  for (const kind of p.f || []) counts.set(kind, (counts.get(kind) || 0) + 1);
  const names = Object.keys(FACTORS).filter(k => counts.has(k)).map(k => FACTORS[k] + (counts.get(k) > 1 ? " ×" + counts.get(k) : ""));
  if (p.m === "yes" && !p.c) names.push(names.length ? "maybe more" : "not listed");
  return names.join(", ");
}

function ago(p) {
  if (!p.s) return null;
  const days = Math.floor((Date.parse(p.account.taken) - Date.parse(p.s)) / 864e5);
  return days < 1 ? "today" : many(days, "day", "days") + " ago";
}

function row(p) {
  const toggle = el("button", {type: "button", class: "toggle", "aria-expanded": "false", "data-row": p.index}, el("bdi", {}, p.label));
  const [mfa, noMFA] = known(p.m, p.p === "yes" || p.d === "yes" || p.y === "yes" ? "no" : "");
  const [password, noPassword] = known(p.p), [key, noKey] = known(p.y), [admin, noAdmin] = known(p.d);
  const name = el("th", {role: "rowheader", scope: "row"}, toggle, p.k === "iam_user" ? null : el("span", {class: "sub"}, KINDS[p.k] || p.k));
  const signed = p.s ? el("span", {title: p.s}, ago(p)) : el("span", {class: "quiet"}, "–");
  const tr = el("tr", {role: "row"},
    el("td", {role: "cell"}, badge(p)), name, cell("Account", p.account.name || p.account.id, "several"),
    cell("MFA", mfa, "", noMFA), cell("Factors", factorsOf(p) || el("span", {class: "quiet"}, "–"), "factors", !factorsOf(p)),
    cell("Password", password, "", noPassword), cell("Key", key, "", noKey), cell("Admin", admin, "", noAdmin),
    cell("Last sign-in", signed, "", !p.s), cell("Fails", String(p.b), "n", p.b === 0), cell("Unknown", String(p.u), "n", p.u === 0));
  if (opened.has(p.index)) return [tr, open(p, tr, toggle)];
  return state.printing ? [tr, printed(p, tr)] : [tr];
}

// printed is what paper says of a row that is not open: whom it is about beyond doubt,
// what fails and what is not known, and by what evidence.
function printed(p, tr) {
  tr.classList.add("opened");
  const list = el("ul", {class: "rest brief"}, ...ranked(p).loud.map(brief));
  const whole = el("p", {class: "identity"}, identity(p));
  return el("tr", {role: "row", class: "expansion"}, el("td", {role: "cell", class: "detail", colspan: several ? 11 : 10}, whole, list));
}

function open(p, tr, toggle) {
  const id = "detail-" + p.index;
  tr.classList.add("opened");
  toggle.setAttribute("aria-expanded", "true");
  toggle.setAttribute("aria-controls", id);
  return el("tr", {id, role: "row", class: "expansion"}, el("td", {role: "cell", class: "detail", colspan: several ? 11 : 10}, ...details(p)));
}

function flip(toggle) {
  const p = people[+toggle.dataset.row], tr = toggle.closest("tr");
  if (opened.delete(p.index)) {
    tr.nextElementSibling.remove();
    tr.classList.remove("opened");
    toggle.setAttribute("aria-expanded", "false");
    toggle.removeAttribute("aria-controls");
    return;
  }
  opened.add(p.index);
  tr.after(open(p, tr, toggle));
}

// ---- what is behind a row

const S = i => D.strings[i];
const restOf = f => f.length > 5 ? f[5] : {};

// ranked are the findings about somebody, worst first, in those to read and the rest.
function ranked(p) {
  const rank = f => [2, 0].indexOf(f[1]) === -1 ? (restOf(f).exempt ? 2 : 3) : (f[1] === 2 ? 0 : 1);
  const found = [...p.x].sort((a, b) => rank(a) - rank(b) || b[2] - a[2] || a[0] - b[0]);
  return {loud: found.filter(f => rank(f) < 3), rest: found.filter(f => rank(f) === 3)};
}

// identity is what nobody else has, since names can be given again.
function identity(p) {
  return [...new Set([p.r, p.i, several ? "account " + p.account.id : ""])].filter(Boolean).join(" · ");
}

function details(p) {
  const {loud, rest} = ranked(p);
  const out = [el("p", {class: "identity"}, identity(p)), ...loud.map(finding)];
  if (rest.length) {
    const passed = rest.filter(f => f[1] === 1).length;
    const title = many(passed, "check", "checks") + " passed, " + many(rest.length - passed, "does", "do") + " not apply";
    const list = el("details", loud.length ? {} : {open: ""}, el("summary", {}, title), el("ul", {class: "rest"}, ...rest.map(quiet)));
    out.push(list);
  }
  if (!p.x.length) out.push(el("p", {class: "note"}, "No finding about it is in this file."));
  return out;
}

// toneOf is how a finding to read is meant, and the word for it.
function toneOf(f) {
  const tone = f[1] === 2 ? SEVERITIES[f[2]] : f[1] === 0 ? "unknown" : "exempt";
  return [tone, tone === "unknown" ? "unknown, " + SEVERITIES[f[2]] : tone];
}

function finding(f) {
  const check = D.checks[f[0]], rest = restOf(f), [tone, shown] = toneOf(f);
  const box = el("div", {class: "finding " + tone},
    el("h3", {}, el("span", {class: "badge " + tone}, shown), el("span", {}, check.question), el("code", {}, check.id)),
    el("p", {}, S(f[3])));
  if (rest.since !== undefined) box.append(el("p", {class: "sub"}, "First seen " + S(rest.since)));
  if (rest.allow) box.append(el("h4", {}, "What would tell"), el("ul", {}, ...rest.allow.map(a => el("li", {}, el("code", {}, S(a))))));
  if (f[1] === 2) box.append(...todo(check, rest));
  if (f[4].length) box.append(el("h4", {}, "Evidence"), evidence(f[4]));
  const controls = controlList(check);
  if (controls) box.append(controls);
  return box;
}

function todo(check, rest) {
  if (rest.todo !== undefined) return [el("h4", {}, "What to do"), el("p", {class: "todo"}, S(rest.todo))];
  const out = [];
  if (check.elsewhere) out.push(el("h4", {}, "What to do"), el("p", {class: "todo"}, check.elsewhere.join(" ")));
  if (check.console.length) out.push(el("h4", {}, "What to do in the console"), el("p", {class: "todo"}, check.console.join(" ")));
  if (check.cli.length) out.push(el("h4", {}, "With the AWS CLI"), el("pre", {tabindex: "0"}, check.cli.join("\n")));
  return out;
}

function evidence(rows) {
  const body = rows.map(i => {
    const e = D.evidence[i], facts = [];
    for (let j = 3; j < e.length; j += 2) facts.push(S(e[j]) + ": " + S(e[j + 1]));
    return el("tr", {}, el("td", {}, el("code", {}, S(e[0]))), el("td", {}, el("span", {title: S(e[1])}, S(e[2]) + " old")), el("td", {}, facts.join("; ")));
  });
  const head = el("tr", {}, ...["Source", "Age", "Facts"].map(h => el("th", {scope: "col"}, h)));
  return el("table", {}, el("caption", {class: "unseen"}, "Evidence"), el("thead", {}, head), el("tbody", {}, ...body));
}

function controlList(check) {
  const named = D.frameworks.filter(f => check.controls[f.key]);
  if (!named.length) return null;
  const chosen = named.find(f => f.key === D.chosen);
  const title = "Controls" + (chosen ? ": " + chosen.label + " · " + check.controls[chosen.key].join(", ") : "");
  const list = el("dl", {}, ...named.flatMap(f => [el("dt", {}, f.label), el("dd", {}, check.controls[f.key].join(", "))]));
  return el("details", {}, el("summary", {class: "sub"}, title), list);
}

const sources = f => f[4].map(i => S(D.evidence[i][0]) + ", " + S(D.evidence[i][2]) + " old").join("; ");

function brief(f) {
  const check = D.checks[f[0]], controls = check.controls[D.chosen];
  const more = [controls ? D.frameworks.find(x => x.key === D.chosen).label + " " + controls.join(", ") : "", sources(f)].filter(Boolean).join(" · ");
  return el("li", {}, el("b", {}, toneOf(f)[1] + " "), el("code", {}, check.id), " " + S(f[3]) + ". ", el("span", {class: "sub"}, more));
}

function quiet(f) {
  const word = f[1] === 1 ? "Pass" : "Does not apply";
  return el("li", {}, el("b", {}, word + ". "), D.checks[f[0]].question + " " + S(f[3]) + ". ", el("span", {class: "sub"}, sources(f)));
}

// ---- on the page

function render() {
  const show = state.printing ? matching.filter(p => p.b > 0 || p.u > 0) : matching.slice(0, state.shown);
  const left = matching.length - show.length;
  byId("rows").replaceChildren(...show.flatMap(row));
  const line = matching.length === people.length ? many(people.length, "row", "rows") : number.format(matching.length) + " of " + many(people.length, "row", "rows") + " match";
  const cut = state.printing ? (left ? "; " + number.format(left) + " without failure or unknown are not printed" : "") : (left ? "; the first " + number.format(show.length) + " are shown" : "");
  byId("count").textContent = matching.length ? line + cut + "." : "Nothing matches. Clear the filters to see all " + many(people.length, "row", "rows") + ".";
  byId("more").hidden = left <= 0 || state.printing;
  byId("more").textContent = "Show " + number.format(Math.min(PAGE, left)) + " more";
}

function update() {
  matching = order(filter());
  state.shown = PAGE;
  render();
}

function options(id, pairs) {
  byId(id).replaceChildren(...pairs.map(([value, label]) => el("option", {value}, label)));
}

function fillFilters() {
  const counted = new Map(PICKS.map(p => [p[0], people.filter(p[2]).length]));
  options("picks", PICKS.map(([value, label]) => [value, label + " (" + number.format(counted.get(value)) + ")"]));
  options("outcome", [["", "Any"], ["fail", "Fail"], ["unknown", "Unknown"], ["pass", "Pass"], ["not_applicable", "Not applicable"], ["exempt", "Exempt"]]);
  options("severity", [["", "Any"], ...[...SEVERITIES].reverse().filter(s => s !== "info").map(s => [s, s[0].toUpperCase() + s.slice(1)])]);
  options("check", [["", "Any"], ...D.checks.map((c, i) => [i, c.id])]);
  options("factor", [["", "Any"], ...Object.entries(FACTORS), ["none", "No MFA"], ["not_known", "Cannot tell"]]);
  options("account", [["", "All"], ...D.accounts.map((a, i) => [i, a.name ? a.name + " (" + a.id + ")" : a.id])]);
  options("framework", D.frameworks.map(f => [f.key, f.label]));
  byId("framework").value = D.chosen;
}

const FIELDS = ["search", "picks", "outcome", "severity", "check", "factor", "account"];

function read() {
  for (const id of FIELDS) state[id] = byId(id).value;
  update();
}

// jump sets the filters that a number or a name elsewhere on the page stands
// for, and goes to the list.
function jump(set) {
  for (const id of FIELDS) byId(id).value = set[id] === undefined ? "" : set[id];
  read();
  const title = byId("people-title");
  title.scrollIntoView();
  title.focus({preventScroll: true});
}

// buttons makes buttons of what would do nothing without this script.
function buttons(selector, describe, fields) {
  for (const e of document.querySelectorAll(selector)) {
    if (e.textContent.trim() === "0" && fields.includes("check")) continue;
    const b = el("button", {type: "button", class: "link"}, ...e.childNodes);
    const said = describe(e);
    if (said) b.setAttribute("aria-label", said);
    b.addEventListener("click", () => jump(Object.fromEntries(fields.map(f => [f, e.dataset[f]]))));
    e.replaceChildren(b);
  }
}

function sortable(th) {
  const b = el("button", {type: "button"}, ...th.childNodes);
  b.addEventListener("click", () => {
    const same = state.sort === th.dataset.sort;
    state.down = same ? !state.down : DOWN_FIRST.has(th.dataset.sort);
    state.sort = th.dataset.sort;
    markOrder();
    update();
  });
  th.replaceChildren(b);
}

function chooseFramework() {
  D.chosen = byId("framework").value;
  byId("controls-title").textContent = D.frameworks.find(f => f.key === D.chosen).label;
  for (const td of document.querySelectorAll("[data-controls]")) {
    const ids = D.checks[+td.dataset.controls].controls[D.chosen];
    td.replaceChildren(ids ? ids.join(", ") : el("span", {class: "quiet"}, "–"));
  }
  render();
}

function listen() {
  byId("filters").addEventListener("input", read);
  byId("filters").addEventListener("submit", e => e.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(read));
  byId("rows").addEventListener("click", e => {
    const toggle = e.target.closest(".toggle");
    if (toggle) flip(toggle);
  });
  byId("more").addEventListener("click", () => { state.shown += PAGE; more(); });
  byId("framework").addEventListener("change", chooseFramework);
  addEventListener("beforeprint", () => { state.printing = true; render(); });
  addEventListener("afterprint", () => { state.printing = false; render(); });
}

// more adds rows below those that are there, and goes to the first of them.
function more() {
  const first = byId("rows").querySelectorAll(".toggle").length;
  render();
  const toggles = byId("rows").querySelectorAll(".toggle");
  if (toggles[first]) toggles[first].focus({preventScroll: true});
}

document.documentElement.classList.add("js");
fillFilters();
for (const th of document.querySelectorAll("th[data-sort]")) sortable(th);
buttons("[data-picks]", () => "", ["picks"]);
buttons("[data-factor]", () => "", ["factor"]);
buttons("[data-account]", () => "", ["account"]);
buttons("[data-check]", e => e.textContent.trim() + " " + e.dataset.outcome.replace("_", " ") + ", " + D.checks[+e.dataset.check].id, ["check", "outcome"]);
markOrder();
listen();
update();
})();
