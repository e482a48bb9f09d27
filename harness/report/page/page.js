"use strict";
(() => {
  const $ = (selector) => document.querySelector(selector);
  const SHOWN = 6;

  // Every value goes in as text: nothing that a run wrote is ever read as HTML.
  function el(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === undefined || value === null || value === false) continue;
      if (key === "onclick") made.addEventListener("click", value);
      else made.setAttribute(key, value);
    }
    for (const child of children) if (child !== null && child !== undefined) made.append(child);
    return made;
  }
  function svg(name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }
  async function unpack(id) {
    const packed = Uint8Array.from(atob($("#" + id).textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  }
  const seconds = (us) => {
    if (us < 1000) return `${us} µs`;
    const s = us / 1e6;
    return (s < 100 ? s.toFixed(s < 10 ? 4 : 3) : s.toFixed(1)) + " s";
  };
  const whole = (number) => Math.round(number).toLocaleString("en-US");

  function copyButtons() {
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.addEventListener("click", async () => {
        const text = button.parentElement.querySelector("code").textContent;
        try { await navigator.clipboard.writeText(text); button.textContent = "copied"; }
        catch { getSelection().selectAllChildren(button.parentElement.querySelector("code")); button.textContent = "selected"; }
      });
    }
  }

  // What differed.
  function cells(columns, rows, source, found) {
    const box = el("div", { class: "cells" });
    box.append(el("span", { class: "lead" }, "column"), el("span", { class: "lead" }, "DynamoDB holds"), el("span", { class: "lead" }, "FINAL shows"));
    if (!source || !found) {
      box.className = "cells one";
      box.replaceChildren(el("span", { class: "lead" }, "column"), el("span", { class: "lead" }, source ? "DynamoDB holds; FINAL shows no row" : "FINAL shows; DynamoDB has no such item"));
    }
    for (const name of rows) {
      box.append(el("span", { class: "name" }, name, columns[name] ? el("span", { class: "type" }, columns[name]) : null));
      if (source) box.append(el("span", { class: "value from" }, source[name] ?? ""));
      if (found) box.append(el("span", { class: "value to" }, found[name] ?? ""));
    }
    return box;
  }
  function differences(data) {
    const list = $("#differences"), chips = $("#kinds"), filter = $("#filter"), more = $("#more");
    if (!list) return;
    const kinds = new Map();
    for (const row of data.differ) kinds.set(row.kind, (kinds.get(row.kind) || 0) + 1);
    let kind = "", limit = SHOWN;
    function draw() {
      const wanted = filter.value.trim().toLowerCase();
      const rows = data.differ.filter((r) => (!kind || r.kind === kind) && (!wanted || r.text.includes(wanted)));
      list.replaceChildren(...rows.slice(0, limit).map((row) => {
        const left = el("div", {}, el("div", { class: "key" }, row.label), el("div", { class: "soft" }, row.what));
        if (row.life >= 0) left.append(el("button", { class: "open", type: "button", onclick: () => open(row.life) }, "show its life"));
        return el("div", { class: "difference" }, left, cells(data.columns, row.names, row.source, row.found));
      }));
      if (!rows.length) list.replaceChildren(el("p", { class: "soft" }, "No difference matches."));
      $("#count").textContent = `${whole(rows.length)} of ${whole(data.differing)} shown`.replace(/^(\S+) of \1 shown$/, "all $1");
      more.hidden = rows.length <= limit;
      for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.dataset.kind === kind));
    }
    const chip = (name, label) => el("button", { type: "button", "data-kind": name, onclick: () => { kind = name; limit = SHOWN; draw(); } }, label);
    chips.append(chip("", "all"), ...[...kinds].map(([name, count]) => chip(name, `${name} ${whole(count)}`)));
    chips.hidden = kinds.size < 2;
    filter.addEventListener("input", () => { limit = SHOWN; draw(); });
    more.addEventListener("click", () => { limit += 50; draw(); });
    for (const row of data.differ) row.text = (row.label + " " + row.what + " " + row.names.join(" ")).toLowerCase();
    draw();
  }

  // The life of a key.
  let data, chosen = -1, index = null;
  const LANES = { write: "DynamoDB", pipeline: "pipeline", rows: "ClickHouse rows", final: "FINAL" };
  const STEP = 23;

  function open(at) {
    chosen = at;
    keys();
    life(data.lives[at]);
    const box = $("#life");
    box.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    $("#story").focus({ preventScroll: true });
  }
  function keys() {
    const wanted = $("#search").value.trim().toLowerCase();
    const found = data.lives.map((one, at) => [one, at]).filter(([one]) => !wanted || one.label.toLowerCase().includes(wanted));
    const list = $("#keys");
    list.replaceChildren(...found.slice(0, 200).map(([one, at]) => el("li", {}, el("button",
      { type: "button", "aria-current": at === chosen ? "true" : "false", onclick: () => { chosen = at; keys(); life(one); } },
      one.label, el("span", { class: one.kind ? "kind" : "kind good" }, one.kind || "as it should be")))));
    other(wanted, found.length);
  }
  async function other(wanted, found) {
    const note = $("#elsewhere");
    note.textContent = "";
    if (found || wanted.length < 2) return;
    if (index === null) index = (await unpack("index")).split("\n").filter(Boolean);
    const here = index.filter((line) => line.split("\t")[0].toLowerCase().includes(wanted));
    if ($("#search").value.trim().toLowerCase() !== wanted) return;
    if (!here.length) { note.textContent = "No such key was written" + (data.indexed < data.keys ? ` among the ${whole(data.indexed)} that this page knows of.` : "."); return; }
    const [label, writes, deliveries] = here[0].split("\t");
    note.replaceChildren(`${whole(here.length)} such key${here.length > 1 ? "s" : ""} in the run, not in this page. ${label}: ${writes} writes, ${deliveries} deliveries. Its life: `,
      el("code", {}, `harness explain ${data.run} --key '${label}'`));
  }
  function life(one) {
    const story = $("#story");
    const said = el("div", { class: one.kind ? "said" : "said good" }, el("p", {}, el("strong", {}, one.sentence)));
    for (const fit of one.fits.slice(0, 3)) said.append(el("p", { class: "soft" }, el("code", {}, fit.name), " ", fit.sentence, ` (${fit.because})`));
    if (one.repair) said.append(el("p", {}, "What usually repairs it: ", one.repair));
    const box = el("div", { class: "lanes" });
    story.replaceChildren(el("h3", {}, one.label), said, box);
    if (one.kind && (one.source || one.found)) {
      const names = one.wrong.length ? one.wrong : Object.keys(one.source || one.found);
      story.append(el("h3", {}, "At the end"), cells(data.columns, names, one.source, one.found));
    }
    if (!one.moments.length) { box.append(el("p", { class: "soft" }, "The history tells nothing of this key.")); return; }
    lanes(box, one);
  }
  function lanes(box, one) {
    const shards = [...new Set(one.moments.filter((m) => m.lane === "stream").map((m) => m.shard || ""))].sort();
    const columns = [["write", LANES.write], ...shards.map((s) => ["stream " + s, s ? s.replace(/^shardId-0*(?=\d)/, "shard ") : "stream"]),
      ...["pipeline", "rows", "final"].map((name) => [name, LANES[name]])];
    const place = new Map(columns.map(([name], at) => [name, at]));
    const gutter = columns.length * STEP + 10;
    box.style.setProperty("--gutter", gutter + "px");
    const headings = el("div", { class: "headings", "aria-hidden": "true" });
    columns.forEach(([, title], at) => { const span = el("span", {}, title); span.style.left = at * STEP + 16 + "px"; headings.append(span); });
    const picture = svg("svg", { width: gutter, height: 10, role: "img", "aria-label": "lanes of " + one.label });
    box.replaceChildren(headings, picture);
    const rows = [];
    let last = null;
    for (const moment of one.moments) {
      if (last !== null && moment.at_us - last > 1e6) box.append(el("div", { class: "gap" }, ((moment.at_us - last) / 1e6).toFixed(1) + " s later"));
      last = moment.at_us;
      const act = ["fault", "life", "operator"].includes(moment.kind);
      const odd = ["tie", "again", "overtakes", "late-again", "undelivered"].includes(moment.tag);
      const row = el("div", { class: "moment" + (act ? " act" : "") + (odd ? " odd" : moment.tag ? " tagged" : "") },
        el("span", { class: "time" }, seconds(moment.at_us)), el("span", {}),
        el("div", { class: "text" }, el("b", {}, moment.text), " ", el("span", { class: "detail" }, moment.detail || "")));
      if (matchMedia("(max-width: 760px)").matches) row.children[1].style.display = "none";
      row.title = columns[place.get(laneOf(moment)) ?? 0][1];
      box.append(row);
      rows.push([moment, row]);
    }
    const draw = () => paint(picture, rows, place, columns.length, headings);
    draw();
    if (box.watch) box.watch.disconnect();
    box.watch = new ResizeObserver(draw);
    box.watch.observe(box);
  }
  const laneOf = (moment) => moment.lane === "stream" ? "stream " + (moment.shard || "") : moment.lane;
  function paint(picture, rows, place, count, headings) {
    const at = (moment, row) => [place.get(laneOf(moment)) * STEP + 16, row.offsetTop + 15];
    const top = headings.offsetHeight, bottom = rows.length ? rows[rows.length - 1][1].offsetTop + 28 : top;
    const gutter = count * STEP + 10;
    picture.setAttribute("height", bottom);
    picture.replaceChildren();
    for (let lane = 0; lane < count; lane++) {
      const x = lane * STEP + 16;
      picture.append(svg("line", { x1: x, x2: x, y1: top, y2: bottom, stroke: "var(--line)", "stroke-width": 2 }));
    }
    const writes = new Map();
    for (const [moment, row] of rows) {
      if (["fault", "life", "operator"].includes(moment.kind)) {
        const y = row.offsetTop + 15, colour = moment.tag ? "var(--bad)" : "var(--soft)";
        picture.append(svg("line", { x1: 4, x2: gutter - 6, y1: y, y2: y, stroke: colour, "stroke-width": 1.6, "stroke-dasharray": "5 4" }));
      }
      for (const write of (moment.write || "").split(" ").filter(Boolean)) {
        if (!writes.has(write)) writes.set(write, []);
        writes.get(write).push(at(moment, row));
      }
    }
    const colours = new Map([...writes.keys()].map((write, n) => [write, `var(--w${n % 8})`]));
    for (const [write, points] of writes) {
      let path = `M${points[0].join(" ")}`;
      for (let n = 1; n < points.length; n++) {
        const [x0, y0] = points[n - 1], [x1, y1] = points[n], half = (y1 - y0) / 2;
        path += `C${x0} ${y0 + half} ${x1} ${y1 - half} ${x1} ${y1}`;
      }
      picture.append(svg("path", { d: path, fill: "none", stroke: colours.get(write), "stroke-width": 2.2, opacity: 0.75 }));
    }
    for (const [moment, row] of rows) {
      const [x, y] = at(moment, row), first = (moment.write || "").split(" ")[0];
      const colour = moment.kind === "final" ? (moment.tag ? "var(--bad)" : "var(--good)") : colours.get(first) || (moment.tag ? "var(--bad)" : "var(--soft)");
      const common = { fill: moment.kind === "tombstone" || moment.kind === "absent" ? "var(--card)" : colour, stroke: colour, "stroke-width": 2 };
      if (moment.lane === "rows" || moment.kind === "final") picture.append(svg("rect", { x: x - 6, y: y - 5, width: 12, height: 10, rx: 2, ...common }));
      else picture.append(svg("circle", { cx: x, cy: y, r: 5.5, ...common }));
      if (moment.tag) picture.append(svg("circle", { cx: x, cy: y, r: 9.5, fill: "none", stroke: "var(--bad)", "stroke-width": 1.6 }));
    }
  }

  // Over time: what was at a moment, under the pointer.
  function charts() {
    for (const chart of document.querySelectorAll(".chart[data-series]")) {
      const told = JSON.parse(chart.dataset.series), box = chart.querySelector("svg"), read = chart.querySelector(".read");
      const cursor = svg("line", { class: "cursor", y1: 0, y2: 100, x1: -9, x2: -9 });
      box.append(cursor);
      chart.addEventListener("pointermove", (event) => {
        const area = box.getBoundingClientRect();
        const n = Math.min(told.count - 1, Math.max(0, Math.floor((event.clientX - area.left) / area.width * told.count)));
        cursor.setAttribute("x1", (n + 0.5) / told.count * 1000);
        cursor.setAttribute("x2", (n + 0.5) / told.count * 1000);
        read.hidden = false;
        read.textContent = `${seconds(n * told.step_us)}: ` + told.series.map((s) => `${s.name} ${whole(s.values[n])}`).join(", ");
      });
      chart.addEventListener("pointerleave", () => { read.hidden = true; cursor.setAttribute("x1", -9); cursor.setAttribute("x2", -9); });
    }
  }

  // The kill matrix: one cell told at a time.
  function heat() {
    const told = $("#cell");
    if (!told) return;
    const tell = (cell) => { told.textContent = cell.dataset.told; };
    for (const cell of document.querySelectorAll(".heat .cell")) {
      cell.addEventListener("click", () => tell(cell));
      cell.addEventListener("focus", () => tell(cell));
      cell.addEventListener("mouseenter", () => tell(cell));
    }
    const filter = $("#rows");
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const row of document.querySelectorAll(".heat tbody tr")) row.hidden = !row.dataset.name.toLowerCase().includes(wanted);
    });
  }

  async function begin() {
    copyButtons();
    charts();
    heat();
    if ($("#data")) await run();
    document.documentElement.dataset.ready = "true";
  }
  async function run() {
    data = JSON.parse(await unpack("data"));
    differences(data);
    if ($("#search")) {
      $("#search").addEventListener("input", keys);
      chosen = data.lives.length ? 0 : -1;
      keys();
      if (chosen === 0) life(data.lives[0]);
      document.addEventListener("keydown", (event) => {
        if (event.key === "/" && !/INPUT|TEXTAREA/.test(document.activeElement.tagName)) { event.preventDefault(); $("#search").focus(); }
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (step && document.activeElement.closest("#keys")) {
          const all = [...document.querySelectorAll("#keys button")], next = all[all.indexOf(document.activeElement) + step];
          if (next) { event.preventDefault(); next.focus(); }
        }
      });
    }
  }
  begin();
})();
