// Asks ./health every few seconds and writes the answers into the page, which the server has rendered with the first
// one. Words come from the server, but for the state "away", which only we can see.
"use strict";

const every = 5000; // milliseconds; the server looks no more often
const patience = 8000; // milliseconds; the function has 10 s
const keep = 10 * 60 * 1000; // milliseconds of history in a sparkline, while the page is open

const byId = (id) => document.getElementById(id);
// A path under a prefix may have been opened without its last slash: "./health" would then miss.
const health = location.pathname.replace(/\/?$/, "/health");
const clock = (date) => `${date.toISOString().slice(11, 19)} UTC`;
const set = (node, text) => {
  if (node.textContent !== text) node.textContent = text; // a screen reader hears changes only
};

// --- words, the same as the server's ---------------------------------------------------------------------------

const number = (n) => n.toLocaleString("en-US");
const age = (s) => {
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
};
const latency = (ms) => `${ms < 10 ? ms.toFixed(1) : number(Math.round(ms))} ms`;
const numbers = { queueDepth: number, inFlight: number, oldestAgeSeconds: age, deadLetters: number };

const verdict = (check) => (check.healthy ? "well" : check.counted ? "broken" : "aside");
const words = (check) => {
  if (check.healthy) return "Working";
  const error = check.error[0].toUpperCase() + check.error.slice(1);
  return check.counted ? error : `${error} (not counted)`;
};

const oldest = (report, text) => (report.queueDepth === 0 && report.inFlight === 0 ? "none" : text);
const reasonWord = (reason) => reason || "another reason";
const months = "January February March April May June July August September October November December".split(" ");
// moment is a time of day, with the day where it is another one than now's.
const moment = (at, now) => {
  const time = `${at.toISOString().slice(11, 16)} UTC`;
  const sameDay = at.toISOString().slice(0, 10) === now.toISOString().slice(0, 10);
  return sameDay ? time : `${at.getUTCDate()} ${months[at.getUTCMonth()]} ${time}`;
};

// --- sparklines ------------------------------------------------------------------------------------------------

const past = {}; // by number: [{at, value}], value null where there was no answer
const width = 100;
const height = 36;

const draw = (name, attributes) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};

const remember = (key, value) => {
  const now = Date.now();
  past[key] = (past[key] ?? []).filter((point) => now - point.at <= keep);
  past[key].push({ at: now, value });
  spark(key, now);
};

const spark = (key, now) => {
  const points = past[key];
  const values = points.map((point) => point.value).filter((value) => value !== null);
  const node = byId(`${key}-spark`);
  node.hidden = values.length === 0;
  if (node.hidden) return;
  const peak = Math.max(...values);
  const span = Math.max(60_000, now - points[0].at);
  const place = (point) => [
    (width - ((now - point.at) / span) * width).toFixed(2),
    (height - 3 - (point.value / Math.max(peak, 1)) * (height - 6)).toFixed(2),
  ];
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(draw("path", { class: "base", d: `M0 ${height}H${width}` }));
  for (const run of runs(points)) {
    const line = run.map(place);
    const d = `M${line.map((xy) => xy.join(" ")).join("L")}`;
    if (run.length > 1) svg.append(draw("path", { class: "area", d: `${d}V${height}H${line[0][0]}Z` }));
    svg.append(draw("path", { class: "line", d: run.length > 1 ? d : `${d}h0` }));
  }
  const last = points.at(-1);
  if (last.value !== null) svg.append(draw("path", { class: "line now", d: `M${place(last).join(" ")}h0` }));
  node.replaceChildren(svg, `peak ${numbers[key](peak)}`);
  set(byId("window"), span < 120_000 ? "in the last minute" : `in the last ${age(Math.floor(span / 1000))}`);
};

// runs cuts the history where there was no answer: a line over a gap would be a lie.
const runs = (points) => {
  const all = [[]];
  for (const point of points) {
    if (point.value === null) all.push([]);
    else all.at(-1).push(point);
  }
  return all.filter((run) => run.length > 0);
};

// --- events ----------------------------------------------------------------------------------------------------

const full = 390; // of 400: the height of the highest bar

const chartRow = (key, values) => {
  const sum = values.reduce((a, b) => a + b, 0);
  const peak = Math.max(...values);
  set(byId(`${key}-total`), sum === 0 ? "0" : `${number(sum)}, at most ${number(peak)} in one`);
  const bars = values.map((n, i) => (n > 0 ? `M${10 * i + 1} 400V${400 - Math.ceil((n * full) / peak)}h8V400z` : ""));
  byId(`${key}-bars`).setAttribute("d", bars.join(""));
};

const tableRow = (name, ...cells) => {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  row.append(head, ...cells.map((text) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    return cell;
  }));
  return row;
};

const reveal = (id, shown) => {
  byId(id).hidden = !shown;
};

const showFlow = (flow) => {
  set(byId("last"), flow ? flow.summary : "When the last event came is not known.");
  set(byId("errors"), flow ? flow.errors : "Not known: neither metrics nor the log could be read in time.");
  const sources = { metrics: "by the metrics, which come a minute or two late", log: "by the processor's log" };
  set(byId("source"), flow ? sources[flow.source] : "");
  reveal("flow", flow);
  if (!flow) return;
  for (const key of ["stored", "rejected", "failed"]) chartRow(key, flow.minutes.map((minute) => minute[key]));
  const time = (minute) => minute.at.slice(11, 16);
  set(byId("chart-from"), `${time(flow.minutes[0])} UTC`);
  set(byId("chart-to"), `${time(flow.minutes.at(-1))} UTC`);
  byId("minutes").replaceChildren(...flow.minutes.toReversed().map((minute) =>
    tableRow(time(minute), minute.stored, minute.duplicate, minute.rejected, minute.failed)));
};

const showDead = (report) => {
  reveal("dead", report.deadLetters > 0);
  const rows = report.deadLetterReasons ?? [];
  byId("died").replaceChildren(...rows.map((died) => tableRow(reasonWord(died.reason), number(died.new), number(died.lastDay))));
  if (!report.deadLetters) return;
  const seconds = report.oldestDeadLetterSeconds;
  const note = `${number(report.deadLetters)} in the queue${seconds === null ? "" : `, the oldest for ${age(seconds)}`}`;
  set(byId("died-note"), report.deadLetterReasons === null
    ? `${note}. Their reasons are not known: the log could not be read in time.`
    : `${note}. The table is by the log: it lacks older ones, and has those that have left the queue since.`);
};

const showRejecting = (clients) => {
  const known = clients !== null;
  reveal("rejecting", known && clients.length > 0);
  reveal("rejecting-none", !known || clients.length === 0);
  set(byId("rejecting-none"), known ? "No message was rejected." : "Not known: the log could not be read in time.");
  byId("clients").replaceChildren(...(clients ?? []).map((client) => {
    const row = tableRow(`${client.clientId || "No readable client"} `, number(client.messages));
    const why = document.createElement("span");
    why.textContent = client.reasons.map((of) => `${reasonWord(of.reason)} ${number(of.messages)}`).join(", ");
    row.firstChild.append(why);
    return row;
  }));
};

// --- the page --------------------------------------------------------------------------------------------------

const marks = {
  healthy: "%231d6b4c'/%3E%3Cpath d='m10 16.5 4.5 4.5 8-9' ",
  attention: "%23a86a10'/%3E%3Cpath d='M16 8v10m0 5v.1' ",
  unhealthy: "%23b3362f'/%3E%3Cpath d='m11 11 10 10m0-10L11 21' ",
  away: "%234d5867'/%3E%3Cpath d='M10 16h12' ",
};

const setState = (state, headline) => {
  document.documentElement.dataset.state = state;
  document.title = `${headline} · Event Processor`;
  document.querySelector("link[rel=icon]").href =
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' " +
    `rx='9' fill='${marks[state]}fill='none' stroke='white' stroke-width='4' stroke-linecap='round'/%3E%3C/svg%3E`;
  set(byId("headline"), headline);
};

const setSteps = (items) => {
  byId("steps").replaceChildren(...items);
  byId("next").hidden = items.length === 0;
};

const stepOf = ({ what, run, urgent }) => {
  const item = byId("away").content.cloneNode(true);
  if (urgent) {
    item.querySelector("p").lastChild.data = ` ${what}`;
  } else {
    item.querySelector("p").textContent = what;
    item.querySelector("li").removeAttribute("class");
  }
  item.querySelector("code").replaceChildren(...run.split(" ").flatMap((word) => {
    const span = document.createElement("span");
    span.textContent = word;
    return [span, " "];
  }).slice(0, -1));
  return item;
};

let answered = new Date(); // the last time; the page itself was an answer

const show = (report) => {
  answered = new Date();
  setState({ ok: "healthy", attention: "attention", down: "unhealthy" }[report.status], report.summary);
  setSteps(report.next.map(stepOf));
  const now = new Date(report.checkedAt);
  setChecked(now, ", and again every 5 seconds");
  reveal("since", report.since !== null);
  set(byId("since"), report.since === null ? "" : `Since ${moment(new Date(report.since), now)} at the latest.`);
  showFlow(report.flow);
  showDead(report);
  showRejecting(report.rejecting);
  set(byId("version"), report.version);
  for (const [key, write] of Object.entries(numbers)) {
    const value = report[key];
    const known = value === null ? "not known" : write(value);
    const text = key === "oldestAgeSeconds" ? oldest(report, known) : known;
    set(byId(key), text);
    byId(key).classList.toggle("none", value === null || text === "none");
    remember(key, value);
  }
  for (const [key, check] of Object.entries(report.checks)) {
    const row = byId(key);
    row.dataset.verdict = verdict(check);
    set(row.querySelector(".verdict > span"), words(check));
    set(row.lastElementChild, latency(check.latencyMs));
  }
};

const showAway = () => {
  setState("away", `No answer since ${clock(answered)}.`);
  setSteps([byId("away").content.cloneNode(true)]);
  set(byId("pace"), ", asking again every 5 seconds");
  reveal("since", false);
  set(byId("last"), "When the last event came is not known.");
  for (const key of Object.keys(numbers)) remember(key, null);
};

const setChecked = (at, pace) => {
  byId("checked").dateTime = at.toISOString();
  set(byId("checked"), clock(at));
  set(byId("pace"), pace);
};

// --- asking ----------------------------------------------------------------------------------------------------

const ask = async () => {
  const answer = await fetch(health, { cache: "no-store", signal: AbortSignal.timeout(patience) });
  const report = await answer.json(); // an unhealthy one is a 503 with the same members
  if (typeof report.status !== "string") throw new TypeError("that is not a report");
  return report;
};

let timer;
let asking = false;

const round = async () => {
  clearTimeout(timer);
  if (asking || document.hidden) return; // a page that nobody sees costs nothing
  asking = true;
  try {
    show(await ask());
  } catch {
    showAway();
  }
  asking = false;
  timer = setTimeout(round, every);
};

document.addEventListener("visibilitychange", round);
addEventListener("online", round);
round();
