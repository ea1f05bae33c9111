"use strict";
// Values of records become text nodes only; nothing here writes markup. The charts are SVG of our own making.
(() => {
  const $ = (id) => document.getElementById(id);
  const index = JSON.parse($("index").textContent);
  const MOST_HITS = 200;
  const unpacked = new Map();
  let sought = 0;

  const kind = (object) => index.objects[object] || object;
  const known = (key) => (key.startsWith(`${index.practice}:`) ? key.split(":").slice(1).join(" ").replaceAll("_", " ") : key);

  function el(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "onclick" || key === "ontoggle") made.addEventListener(key.slice(2), value);
      else if (value === true) made.setAttribute(key, "");
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
    }
    made.append(...children.filter((each) => each !== null && each !== undefined && each !== ""));
    return made;
  }

  const number = (value) => value.toLocaleString("en-US");
  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const many = (count, one, more) => `${number(count)} ${count === 1 ? one : more}`;
  const differs = (cls) => index.differing.includes(cls);

  function told(problem) {
    $("problem").textContent = problem;
    $("problem").hidden = false;
  }

  async function unpack(id) {
    if (!unpacked.has(id)) {
      const bytes = Uint8Array.from(atob($(id).textContent), (each) => each.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      unpacked.set(id, JSON.parse(await new Response(stream).text()));
    }
    return unpacked.get(id);
  }

  // What is asked for.

  function filter() {
    const boxes = [...document.querySelectorAll("input[name=cls]")];
    const chosen = boxes.filter((each) => each.checked).map((each) => each.value);
    return {
      classes: new Set($("only").checked ? chosen.filter(differs) : chosen),
      object: $("object").value,
      narrowed: $("only").checked || chosen.length < boxes.length || $("object").value !== "",
    };
  }

  const number_of = (counts, wanted) =>
    Object.entries(counts).reduce((sum, [cls, count]) => sum + (wanted.classes.has(cls) ? count : 0), 0);

  function matching(patient, wanted) {
    return Object.entries(patient.objects)
      .filter(([object]) => !wanted.object || wanted.object === object)
      .reduce((sum, [, counts]) => sum + number_of(counts, wanted), 0);
  }

  // What is shown of a field.

  function mark(cls) {
    const words = index.classes[cls];
    return el("span", { class: `cls ${cls}`, title: words.sentence }, el("span", { "aria-hidden": "true" }, words.mark), ` ${words.name}`);
  }

  function value(text, told_breaks) {
    if (text === null || text === undefined) return el("span", { class: "muted" }, "(empty)");
    const shown = el("div", { class: "value" });
    if (text.length > 1500) shown.tabIndex = 0;
    if (!told_breaks) return shown.append(text), shown;
    text.split(/(\r\n|\r|\n)/).forEach((part, place) => {
      if (place % 2) shown.append(el("span", { class: "break", title: "line break" }, "\u21b5"), "\n");
      else shown.append(part);
    });
    return shown;
  }

  function diagnosed(diagnosis, detail) {
    if (!diagnosis) return detail ? el("div", {}, sentence(detail)) : null;
    const words = index.diagnoses[diagnosis];
    return el("div", {}, el("strong", {}, `${words.mark} ${words.name}`), `. ${sentence(detail || words.sentence)}`);
  }

  function row(field) {
    const [label, source, mapped, returned, cls, diagnosis, detail, expected, where, name] = field;
    const breaks = cls !== "same" && cls !== "expected";
    const reader = breaks && expected !== null && expected !== undefined && expected !== mapped;
    return el(
      "tr",
      { class: differs(cls) ? "differing" : null },
      el("th", { scope: "row" }, label || name, name && label ? el("span", { class: "where" }, name) : null),
      el("td", {}, value(source, breaks), where ? el("span", { class: "where" }, where) : null),
      el("td", {}, value(mapped, breaks), reader ? el("span", { class: "reader" }, "should be: ", value(expected, true)) : null),
      el("td", {}, value(returned, breaks)),
      el("td", { class: "what" }, mark(cls), diagnosed(diagnosis, detail)),
    );
  }

  function table(fields, caption) {
    const heads = ["Field", "In PANDA", "By the mapping", `In ${index.there}`, "What it is"];
    return el(
      "table",
      { class: "fields" },
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, ...heads.map((each, place) => el("th", { scope: "col", class: place === 4 ? "what" : null }, each)))),
      el("tbody", {}, ...fields.map(row)),
    );
  }

  function filled(box, fill) {
    const once = () => {
      if (box.open && !box.dataset.filled) {
        box.dataset.filled = "yes";
        fill(box);
      }
    };
    box.addEventListener("toggle", once);
    once();
    return box;
  }

  function record_box(record, place, at, wanted) {
    const [, key, fields] = record;
    const shown = fields.filter((each) => wanted.classes.has(each[4]));
    const plain = ["same", "expected"];
    const striking = shown.filter((each) => !plain.includes(each[4]));
    const quiet = shown.filter((each) => plain.includes(each[4]));
    const wrong = fields.filter((each) => differs(each[4])).length;
    const said = wrong ? `${many(wrong, "field differs", "fields differ")} of ${number(fields.length)}` : many(fields.length, "field", "fields");
    const box = el(
      "details",
      { class: wrong ? "record differing" : "record", id: `p${place}-r${at}`, open: wrong > 0 || fields.some((each) => each[5]) },
      el("summary", {}, el("strong", { title: key }, known(key)), ` \u00b7 ${said}`),
    );
    return filled(box, () => {
      if (striking.length) box.append(table(striking, `Differences in ${known(key)}`));
      if (!quiet.length) return;
      const calm = el("details", { class: "calm", open: !striking.length }, el("summary", {}, many(quiet.length, "field that arrived as it should", "fields that arrived as they should")));
      box.append(filled(calm, () => calm.append(table(quiet, `Fields of ${known(key)}`))));
    });
  }

  // Charts.

  function picture(text) {
    const made = new DOMParser().parseFromString(text, "image/svg+xml");
    return document.importNode(made.documentElement, true);
  }

  function chart_box(chart, place, drawn) {
    const count = chart.differences.length;
    const said = chart.unreadable ? "can't be drawn" : count ? `\u2260 ${many(count, "value differs", "values differ")}` : "= the same, site by site";
    const bad = count > 0 || chart.unreadable !== null;
    const box = el(
      "details",
      { class: bad ? "exam differing" : "exam", open: bad },
      el("summary", {}, el("strong", {}, chart.exam_date || "Exam without a date"), ` \u00b7 ${known(chart.exam)} \u00b7 ${said}`),
    );
    return filled(box, () => {
      if (chart.unreadable) return void box.append(el("p", { class: "bad" }, chart.unreadable));
      const [before, after] = drawn[chart.exam];
      const charts = el("div", { class: "charts" });
      const turn = el("button", { type: "button", class: "screen", "aria-pressed": "false", onclick: () => turn.setAttribute("aria-pressed", String(charts.classList.toggle("stacked"))) }, "Larger, one above the other");
      [["In PANDA", before], [`In ${index.there}`, after || before]].forEach(([caption, text]) => charts.append(el("figure", {}, el("figcaption", {}, caption), picture(text))));
      if (count) box.append(sites(chart));
      box.append(turn, charts, el("div", { class: "key" }, $("key").content.cloneNode(true)));
    });
  }

  function sites(chart) {
    const heads = ["Tooth", "What", "Where", "In PANDA", `In ${index.there}`];
    return el(
      "details",
      { open: chart.differences.length <= 200 },
      el("summary", {}, "The values that differ, in words"),
      el(
        "table",
        {},
        el("thead", {}, el("tr", {}, ...heads.map((each) => el("th", { scope: "col" }, each)))),
        el("tbody", {}, ...chart.differences.map((each) => el("tr", {}, el("th", { scope: "row" }, each.tooth), ...["measure", "place", "before", "after"].map((name) => el("td", {}, each[name]))))),
      ),
    );
  }

  // Pages.

  function summary_of(content, place) {
    const lines = [];
    content.records.forEach(([object, key, fields], at) => {
      const wrong = fields.filter((each) => differs(each[4]) || each[5]);
      const kinds = [...new Set(wrong.map((each) => (each[5] ? index.diagnoses[each[5]].name : index.classes[each[4]].name)))];
      const first = wrong.find((each) => each[5] && each[6]);
      if (wrong.length) lines.push(el("li", {}, el("a", { href: `#p${place}-r${at}` }, `${kind(object)}, ${known(key)}`), `: ${many(wrong.length, "field", "fields")}, ${kinds.join(", ")}${first ? ` (${first[6]})` : ""}`));
    });
    content.checks.filter((each) => !each.passed).forEach((each) => {
      lines.push(el("li", {}, `${index.checks[each.check].name}, ${known(each.key || "")}: should be ${each.expected}, is ${each.found}`));
    });
    return lines.length ? [el("h3", {}, "What differs"), el("ul", { class: "diagnoses" }, ...lines)] : [el("p", { class: "good" }, "= Nothing is lost, changed or added, and every check passed.")];
  }

  function steps(place) {
    const to = (where, text) => (index.patients[where] ? el("a", { href: `#p${where}` }, text) : null);
    const all = (open) => document.querySelectorAll("#patient details").forEach((each) => (each.open = open));
    return el(
      "nav",
      { class: "steps screen", "aria-label": "Patients" },
      el("a", { href: "#" }, "All patients"),
      to(place - 1, "\u2190 previous"),
      to(place + 1, "next \u2192"),
      el("button", { type: "button", onclick: () => all(true) }, "Open everything"),
      el("button", { type: "button", onclick: () => all(false) }, "Close everything"),
      el("button", { type: "button", onclick: () => window.print() }, "Print this patient"),
    );
  }

  async function show_patient(place, at) {
    const patient = index.patients[place];
    const [content, drawn] = [await unpack(`records-${place}`), await unpack(`charts-${place}`)];
    const wanted = filter();
    const heading = el("h2", { tabindex: "-1" }, patient.name);
    const why = [patient.chart_number ? `Chart number ${patient.chart_number}` : "", patient.why || "", (patient.strata || []).join(", ")].filter(Boolean).join(" \u00b7 ");
    const page = [heading, el("p", { class: "lead" }, why), steps(place), ...summary_of(content, place)];
    if (content.charts.length && (!wanted.object || wanted.object.startsWith("ClinicalExam"))) {
      page.push(el("h3", {}, "Periodontal charts"), ...content.charts.map((each) => chart_box(each, place, drawn)));
    }
    const objects = new Map();
    content.records.forEach((record, each) => {
      const hit = record[2].some((field) => wanted.classes.has(field[4]));
      if (hit && (!wanted.object || wanted.object === record[0])) objects.set(record[0], [...(objects.get(record[0]) || []), record_box(record, place, each, wanted)]);
    });
    objects.forEach((boxes, object) => page.push(el("section", { class: "object" }, el("h3", {}, `${kind(object)} (${number(boxes.length)})`), ...boxes)));
    if (!objects.size) page.push(el("p", {}, "No field of this patient is of the kind that is shown."));
    $("patient").replaceChildren(...page);
    const box = at === null ? null : $(`p${place}-r${at}`);
    if (box) box.open = true;
    (box ? box.querySelector("summary") : heading).focus({ preventScroll: true });
    if (box) box.scrollIntoView();
    else scrollTo(0, 0);
  }

  function show_overview() {
    const wanted = filter();
    let there = 0;
    document.querySelectorAll("#patients tbody tr").forEach((each) => {
      const patient = index.patients[Number(each.dataset.place)];
      each.hidden = wanted.narrowed && matching(patient, wanted) === 0;
      there += each.hidden ? 0 : 1;
    });
    $("told").textContent = wanted.narrowed ? `${number(there)} of ${many(index.patients.length, "patient", "patients")} have such fields.` : "";
  }

  async function show() {
    const route = /^#p(\d+)(?:-r(\d+))?$/.exec(location.hash);
    const patient = route && index.patients[Number(route[1])] ? Number(route[1]) : null;
    $("overview").hidden = patient !== null;
    $("patient").hidden = patient === null;
    document.body.classList.toggle("one", patient !== null);
    document.title = patient === null ? document.querySelector("h1").textContent : index.patients[patient].name;
    if (patient === null) show_overview();
    else await show_patient(patient, route[2] === undefined ? null : Number(route[2]));
  }

  // Search.

  async function search() {
    const text = $("search").value.trim().toLowerCase();
    const turn = ++sought;
    $("found").hidden = text === "";
    if (!text) return;
    const hits = [];
    let more = 0;
    for (const [place, patient] of index.patients.entries()) {
      const content = await unpack(`records-${place}`);
      if (turn !== sought) return;
      if (`${patient.name} ${patient.chart_number || ""}`.toLowerCase().includes(text)) hits.unshift(el("li", {}, el("a", { href: `#p${place}` }, patient.name)));
      content.records.forEach(([object, key, fields], at) => {
        const wanted = filter();
        if (wanted.object && wanted.object !== object) return;
        fields.filter((each) => wanted.classes.has(each[4])).forEach((each) => {
          const found = [each[0], each[1], each[2], each[3], each[6], each[9], key].find((one) => one && one.toLowerCase().includes(text));
          if (found === undefined) return;
          if (hits.length >= MOST_HITS) return void (more += 1);
          hits.push(el("li", {}, el("a", { href: `#p${place}-r${at}` }, `${patient.name}: ${kind(object)}, ${known(key)}, ${each[0] || each[9]}`), " ", mark(each[4]), " ", ...snippet(found, text)));
        });
      });
    }
    const heading = el("h2", {}, `Found: ${number(hits.length)}${more ? ` and ${number(more)} more` : ""}`);
    $("found").replaceChildren(heading, el("ol", { class: "hits" }, ...hits));
    $("told").textContent = heading.textContent;
  }

  function snippet(found, text) {
    const start = found.toLowerCase().indexOf(text);
    const [from, to] = [Math.max(0, start - 40), start + text.length];
    return [(from ? "\u2026" : "") + found.slice(from, start), el("mark", {}, found.slice(start, to)), found.slice(to, to + 40)];
  }

  const safely = (work) => () => work().catch(() => told("A part of this page can't be read: the file is damaged, or the browser is too old (it needs DecompressionStream, as in Chrome 80, Firefox 113 or Safari 16.4)."));
  let waiting = 0;
  $("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(safely(search), 250);
  });
  $("tools").addEventListener("submit", (event) => event.preventDefault());
  $("tools").addEventListener("change", (event) => {
    if (event.target.id === "search") return;
    safely(show)();
    safely(search)();
  });
  addEventListener("hashchange", safely(show));
  $("tools").hidden = false;
  safely(show)();
})();
