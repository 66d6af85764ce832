// Opens an HTML report in a headless Chromium as a reader would, and prints what
// it saw as one JSON object. Arguments: Chromium, a report of an organisation, a
// report of 5,000 users, one of strange names, a folder for screenshots. It
// judges nothing.
import {chromium} from "playwright-core";
import path from "node:path";

const [executablePath, organisation, large, strange, artefacts] = process.argv.slice(2);
const args = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
if (process.getuid() === 0) args.push("--no-sandbox"); // Chromium refuses its sandbox to root
const browser = await chromium.launch({executablePath, args});
const seen = {console: [], requests: [], violations: []};

// open gives a page of which every message, error and request is kept.
async function open(file, options = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 1000}, ...options});
  const page = await context.newPage();
  page.on("console", m => seen.console.push(m.type() + ": " + m.text()));
  page.on("pageerror", e => seen.console.push("error: " + e.message));
  page.on("request", r => { if (r.url() !== "file://" + file) seen.requests.push(r.url()); });
  await page.addInitScript(() => {
    window.violations = [];
    addEventListener("securitypolicyviolation", e => window.violations.push(e.violatedDirective + " " + e.blockedURI));
  });
  await page.goto("file://" + file);
  return page;
}

async function close(page) {
  seen.violations.push(...await page.evaluate(() => window.violations));
  await page.context().close();
}

const rows = page => page.locator("#rows > tr:not(.expansion)").count();
const names = page => page.locator("#rows .toggle").allTextContents();
const column = (page, nth) => page.locator(`#rows > tr:not(.expansion) > :nth-child(${nth})`).allTextContents();

async function read() {
  const page = await open(organisation);
  seen.title = await page.title();
  seen.headline = await page.textContent("h1");
  seen.rows = await rows(page);
  seen.count = await page.textContent("#count");
  seen.moreShown = await page.locator("#more").isVisible();
  await page.screenshot({path: path.join(artefacts, "report-light.png"), fullPage: true});

  await page.fill("#search", "OSKAR");
  seen.searched = await names(page);
  seen.searchedCount = await page.textContent("#count");
  await page.fill("#search", "nobody-has-this-name");
  seen.nothing = [await rows(page), await page.textContent("#count")];
  await page.click("#filters button[type=reset]");
  await page.waitForFunction(n => document.querySelectorAll("#rows > tr:not(.expansion)").length === n, seen.rows);

  await page.click("th[data-sort=name] button");
  seen.byName = await names(page);
  seen.byNameSort = await page.getAttribute("th[data-sort=name]", "aria-sort");
  await page.click("th[data-sort=failures] button");
  seen.byFailures = await column(page, 10);
  seen.byFailuresSort = await page.getAttribute("th[data-sort=failures]", "aria-sort");
  await page.click("th[data-sort=risk] button");

  await page.selectOption("#outcome", "unknown");
  seen.unknown = await column(page, 11);
  await page.selectOption("#outcome", "fail");
  await page.selectOption("#severity", "critical");
  seen.critical = await column(page, 1);
  await page.selectOption("#outcome", "");
  await page.selectOption("#severity", "");
  await page.selectOption("#factor", "sms");
  seen.sms = await column(page, 5);
  await page.selectOption("#factor", "");

  await page.click("#accounts tbody tr:nth-child(2) button");
  seen.accountPicked = await page.inputValue("#account");
  seen.accountRows = [...new Set(await column(page, 3))];
  await page.click("#checks tbody [data-outcome=fail] button >> nth=0");
  seen.checkPicked = [await page.inputValue("#check"), await page.inputValue("#outcome")];
  seen.checkRows = await rows(page);
  await page.selectOption("#framework", "pci-dss 4.0");
  seen.framework = [await page.textContent("#controls-title"), await page.textContent("[data-controls='0']")];
  await page.click("#filters button[type=reset]");
  await page.waitForFunction(n => document.querySelectorAll("#rows > tr:not(.expansion)").length === n, seen.rows);

  await page.fill("#search", "oskar");
  await page.click("#rows .toggle >> nth=0");
  seen.detail = await page.textContent("#rows tr.expansion");
  seen.expanded = await page.getAttribute("#rows .toggle >> nth=0", "aria-expanded");
  await page.click("#rows .toggle >> nth=0");
  seen.closed = await page.locator("#rows tr.expansion").count();
  await close(page);
}

// The keyboard alone: Tab to the search, type, Tab to the first row, Enter.
async function keyboard() {
  const page = await open(organisation);
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName);
  const until = async what => {
    for (let presses = 1; presses <= 120; presses++) {
      await page.keyboard.press("Tab");
      if (await focused() === what) return presses;
    }
    return 0;
  };
  seen.tabsToSkip = await until("skip");
  seen.tabsToSearch = await until("search");
  await page.keyboard.type("oskar");
  seen.tabsToRow = await until("toggle");
  seen.outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  await page.keyboard.press("Enter");
  seen.keyboardDetail = await page.textContent("#rows tr.expansion");
  await close(page);
}

// contrast computes the ratio of WCAG 2.2 (relative luminance) of what is seen.
const contrast = page => page.evaluate(() => {
  const parse = text => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * x + .7152 * y + .0722 * z;
  };
  const under = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const over = (e, front, back) => {
    let opacity = 1;
    for (let p = e; p; p = p.parentElement) opacity *= +getComputedStyle(p).opacity;
    return front.map((c, i) => c * opacity + back[i] * (1 - opacity));
  };
  const ratios = {};
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const back = under(e), front = over(e, parse(getComputedStyle(e).color).slice(0, 3), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const name = e.tagName.toLowerCase() + (e.className ? "." + e.className : ""), ratio = (a + .05) / (b + .05);
    ratios[name] = Math.min(ratios[name] ?? 21, ratio);
  }
  return ratios;
});

async function colours() {
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(organisation, {colorScheme});
    await page.click("#rows .toggle >> nth=0");
    seen[colorScheme] = await contrast(page);
    seen[colorScheme + "Paper"] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.screenshot({path: path.join(artefacts, `report-${colorScheme}-open.png`), fullPage: true});
    await close(page);
  }
}

async function narrow() {
  const page = await open(organisation, {viewport: {width: 360, height: 800}});
  await page.click("#rows .toggle >> nth=0");
  seen.narrow = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.screenshot({path: path.join(artefacts, "report-360.png"), fullPage: true});
  await close(page);
}

async function printed() {
  const page = await open(organisation);
  await page.pdf({path: path.join(artefacts, "report.pdf"), preferCSSPageSize: true});
  seen.afterPrint = await rows(page);
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  seen.printedRows = await rows(page);
  seen.printedIdentities = await page.locator("#rows .identity").evaluateAll(es => es.map(e => e.textContent));
  seen.printedFindings = await page.locator("#rows .brief").evaluateAll(es => es.map(e => e.textContent));
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  seen.briefAfterPrint = await page.locator("#rows .brief").count();
  await page.emulateMedia({media: "print"});
  seen.printedControls = await page.locator("#filters, .contents, #more").evaluateAll(es => es.filter(e => e.checkVisibility()).length);
  await close(page);
}

async function withoutScript() {
  const page = await open(organisation, {javaScriptEnabled: false});
  seen.still = {
    headline: await page.locator("h1").isVisible(), notice: await page.locator("noscript").textContent(),
    rows: await page.locator("#rows > tr").count(), search: await page.locator("#search").isVisible(),
  };
  await page.context().close();
}

// stroke types one letter and waits until the list is painted.
const stroke = (page, text) => page.evaluate(async text => {
  const search = document.getElementById("search"), start = performance.now();
  search.value = text;
  search.dispatchEvent(new Event("input", {bubbles: true}));
  const worked = performance.now() - start;
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  return {text, worked, painted: performance.now() - start, first: document.querySelector("#rows .toggle")?.textContent};
}, text);

async function many() {
  const start = Date.now();
  const page = await open(large);
  await page.waitForSelector("#rows .toggle");
  seen.largeOpened = Date.now() - start;
  seen.largeRows = await rows(page);
  seen.largeCount = await page.textContent("#count");
  seen.strokes = [];
  for (const text of ["e", "em", "emi", "emil", "emil.", "emil.e", ""]) seen.strokes.push(await stroke(page, text));
  await page.click("#more");
  seen.largeMore = await rows(page);
  await page.screenshot({path: path.join(artefacts, "report-5000.png")});
  await close(page);
}

async function hostile() {
  const page = await open(strange);
  await page.click("#rows .toggle >> nth=0");
  seen.strange = await page.textContent("#rows .toggle >> nth=0");
  seen.strangeImages = await page.locator("img").count();
  seen.strangeScript = await page.locator("script").count();
  await close(page);
}

for (const look of [read, keyboard, colours, narrow, printed, withoutScript, hostile, many]) await look();
await browser.close();
console.log(JSON.stringify(seen));
