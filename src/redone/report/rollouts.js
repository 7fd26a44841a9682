
"use strict";
// The page of all answers. Its data are scripts in the folder rollouts/ that call rollouts(stamp, name, data): the index
// first, texts and prompts when they are looked at. What a model, a file or a person wrote is only ever the text of a
// node. The address after # holds all that is chosen, so that every view is a link.
(() => {
  const FOLDER = "rollouts/", PAGE = 50, KEPT = 60, CLEAR = 0.5;
  const FILTERS = ["where", "task", "verdict", "from", "to", "low", "high", "q", "change", "before"];
  const $ = (id) => document.getElementById(id);
  const stamp = document.body.dataset.stamp;

  // --- nodes

  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
    }
    node.append(...children.flat().map((child) => (child instanceof Node ? child : document.createTextNode(child))));
    return node;
  }

  // The text as nodes, with what is searched for marked.
  function marked(text) {
    const wanted = state.q.toLowerCase(), low = text.toLowerCase();
    if (!wanted || low.length !== text.length) return [text];
    const nodes = [];
    let at = 0;
    for (let next = low.indexOf(wanted); next >= 0 && nodes.length < 400; next = low.indexOf(wanted, at)) {
      nodes.push(text.slice(at, next), el("mark", {}, text.slice(next, next + wanted.length)));
      at = next + wanted.length;
    }
    return [...nodes, text.slice(at)];
  }

  const plural = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const number = (value) => (value === null ? "–" : value.toFixed(2));
  const grade = (value) => (value === null ? "none" : value >= 0.999 ? "high" : value <= 0.001 ? "low" : "mid");
  const score = (value) => el("span", { class: `score ${grade(value)}` },
    `${{ high: "●", mid: "◐", low: "○", none: "–" }[grade(value)]} ${value === null ? "" : number(value)}`);

  const note = (text) => el("p", { class: "note" }, text);
  const trouble = (error) => $("trouble").replaceChildren(note(error.message)); // until another view is chosen

  // --- files

  const arriving = new Map(), held = new Map(); // name -> how to tell who waits; name -> promise of data

  window.rollouts = (made, name, data) => {
    const waiting = arriving.get(name);
    if (!waiting) return;
    if (made === stamp) waiting.resolve(data);
    else waiting.reject(new Error(`${FOLDER}${name}.js was made anew since this page was: load the page again.`));
  };

  function load(name) {
    const known = held.get(name);
    if (known) {
      held.delete(name);
      held.set(name, known);
      return known;
    }
    const lost = new Error(`${FOLDER}${name}.js beside this page is missing or damaged: make both anew with "redone report".`);
    const made = new Promise((resolve, reject) => {
      arriving.set(name, { resolve, reject });
      const script = el("script", { src: `${FOLDER}${name}.js` });
      script.onload = script.onerror = () => {
        arriving.delete(name);
        script.remove();
        reject(lost); // of no effect where the data has come
      };
      document.head.append(script);
    });
    held.set(name, made);
    if (held.size > KEPT) held.delete(held.keys().next().value);
    return made;
  }

  // The number of the file that holds the thing, by the first of each file.
  function fileOf(firsts, thing) {
    let low = 0, high = firsts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (firsts[middle] <= thing) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  async function part(kind, thing) {
    const file = fileOf(data[kind], thing);
    return (await load(`${kind}-${file}`))[thing - data[kind][file]] || [];
  }

  const pairs = (flat = []) => Array.from({ length: flat.length >> 1 }, (_, i) => [data.names[flat[2 * i]], flat[2 * i + 1]]);

  async function answer(row) {
    const [text, said, parts, facts, texts, tokens] = await part("texts", row);
    return { text: text || "", note: said || "", parts: pairs(parts), facts: pairs(facts), texts: pairs(texts), tokens };
  }

  const prompt = (record) => part("prompts", record); // [prompt, reference answer], null where they are not known

  // --- the index

  let data, sources, groups, groupOf, firstOf, byRecord;

  function open(index) {
    data = index;
    sources = data.sources.map(([key, label, kind, set, model, start]) => ({ key, label, kind, set, model, start }));
    groups = data.groups.length >> 2;
    groupOf = new Int32Array(data.scores.length);
    firstOf = new Int32Array(groups);
    byRecord = Array.from(data.records, () => []);
    for (let group = 0, row = 0; group < groups; group++) {
      firstOf[group] = row;
      byRecord[recordOf(group)].push(group);
      groupOf.fill(group, row, (row += data.groups[4 * group + 3]));
    }
  }

  const sourceOf = (group) => data.groups[4 * group];
  const stepOf = (group) => data.groups[4 * group + 1];
  const recordOf = (group) => data.groups[4 * group + 2];
  const rowsOf = (group) => Array.from({ length: data.groups[4 * group + 3] }, (_, i) => firstOf[group] + i);
  const scoreOf = (row) => (data.scores[row] === null ? null : data.scores[row] / 1000);
  const taskOf = (row) => data.tasks[data.recordTasks[recordOf(groupOf[row])]];
  const mean = (rows) => {
    const known = rows.map(scoreOf).filter((value) => value !== null);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  };

  // All rows of a record in a source at a step, in order; an evaluation may have written them apart.
  function together(group) {
    const alike = (other) => sourceOf(other) === sourceOf(group) && stepOf(other) === stepOf(group);
    return byRecord[recordOf(group)].filter(alike).flatMap(rowsOf);
  }

  // Record -> its mean score in the source.
  const means = new Map();
  function meansOf(source) {
    if (!means.has(source)) {
      const found = new Map();
      for (let group = 0; group < groups; group++) {
        if (sourceOf(group) === source && !found.has(recordOf(group))) found.set(recordOf(group), mean(together(group)));
      }
      means.set(source, found);
    }
    return means.get(source);
  }

  const byKey = (key) => sources.findIndex((source) => source.key === key);
  const changed = (before, after) => (after - before >= CLEAR ? "rose" : before - after >= CLEAR ? "fell" : "alike");

  // --- what is chosen

  let state = {}, found = [], page = 0, chosen = -1, turn = 0;

  function link(changes) {
    const wanted = new URLSearchParams();
    for (const [key, value] of Object.entries({ ...state, ...changes })) if (value !== "") wanted.set(key, value);
    return `#${wanted.toString().replace(/%2F/g, "/").replace(/%3A/g, ":")}`;
  }

  // Another view replaces this one in the browser's history, or follows it.
  function go(changes, follow = false) {
    const next = link(changes);
    if (follow) location.hash = next;
    else location.replace(next);
  }

  function addressOf(row) {
    const group = groupOf[row];
    return [sources[sourceOf(group)].key, stepOf(group), together(group).indexOf(row), data.records[recordOf(group)]].join(":");
  }

  function at(address) {
    const [key, step, place, ...id] = address.split(":");
    const source = byKey(key);
    for (let group = 0; group < groups; group++) {
      if (sourceOf(group) === source && stepOf(group) === Number(step) && data.records[recordOf(group)] === id.join(":")) {
        return together(group)[Number(place)] ?? -1;
      }
    }
    return -1;
  }

  // Whether a row passes all filters but the search, which needs its text.
  function passes() {
    const where = byKey(state.where), task = data.tasks.indexOf(state.task), verdict = data.reasons.indexOf(state.verdict);
    const [from, to, low, high] = ["from", "to", "low", "high"].map((name) => (state[name] === "" ? null : Number(state[name])));
    const before = state.change && where >= 0 ? meansOf(byKey(state.before)) : null;
    return (row) => {
      const group = groupOf[row], record = recordOf(group), value = scoreOf(row);
      if (state.where && sourceOf(group) !== where) return false;
      if (state.task && data.recordTasks[record] !== task) return false;
      if (state.verdict && data.verdicts[row] !== verdict) return false;
      if ((from !== null || to !== null) && sources[sourceOf(group)].kind === "measured") return false;
      if ((from !== null && stepOf(group) < from) || (to !== null && stepOf(group) > to)) return false;
      if ((low !== null || high !== null) && value === null) return false;
      if ((low !== null && value < low - 0.0005) || (high !== null && value > high + 0.0005)) return false;
      if (before) {
        const was = before.get(record) ?? null, is = meansOf(where).get(record) ?? null;
        if (was === null || is === null || changed(was, is) !== state.change) return false;
      }
      return true;
    };
  }

  async function find() {
    const mine = ++turn, keeps = passes();
    found = [];
    for (let row = 0; row < groupOf.length; row++) if (keeps(row)) found.push(row);
    if (state.q) await search(mine);
    else say();
  }

  // Of what passes, the rows whose prompt, answer, note or reference holds what is searched for, shown as they are found.
  async function search(mine) {
    const wanted = state.q.toLowerCase(), candidates = found, asked = new Set();
    const holds = (text) => typeof text === "string" && text.toLowerCase().includes(wanted);
    const missed = (error) => trouble(error) || [];
    const files = (kind, things) => [...new Set(things.map((thing) => fileOf(data[kind], thing)))].sort((a, b) => a - b);
    found = [];
    const records = [...new Set(candidates.map((row) => recordOf(groupOf[row])))];
    for (const file of files("prompts", records)) {
      const texts = await load(`prompts-${file}`).catch(missed);
      if (mine !== turn) return;
      texts.forEach((one, i) => one.some(holds) && asked.add(data.prompts[file] + i));
    }
    const all = files("texts", candidates);
    let next = 0;
    for (const [done, file] of all.entries()) {
      const texts = await load(`texts-${file}`).catch(missed), first = data.texts[file];
      if (mine !== turn) return;
      const end = data.texts[file + 1] ?? groupOf.length;
      for (; next < candidates.length && candidates[next] < end; next++) {
        const row = candidates[next], [text, said, , , more = []] = texts[row - first] || [];
        if (asked.has(recordOf(groupOf[row])) || holds(text) || holds(said) || more.some(holds)) found.push(row);
      }
      say(done + 1 < all.length ? `, ${done + 1} of ${plural(all.length, "file")} searched` : "");
      if (page === 0 || done + 1 === all.length) list();
    }
    if (!all.length) say();
  }

  function say(more = "") {
    const whole = plural(groupOf.length, "answer");
    const line = found.length === groupOf.length ? whole : `${found.length.toLocaleString("en")} of ${whole}`;
    const moved = { rose: "that rose clearly from", fell: "that fell clearly from", alike: "that did not change clearly from" };
    const about = state.change && byKey(state.before) >= 0 ? `, records ${moved[state.change]} ${sources[byKey(state.before)].label}` : "";
    $("found").textContent = line + about + more + (found.length || more ? "" : ". Nothing fits: clear a filter.");
  }

  // --- the list

  function list() {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    page = Math.min(page, pages - 1);
    const rows = found.slice(page * PAGE, (page + 1) * PAGE);
    $("rows").replaceChildren(...rows.map(item));
    $("page").textContent = `page ${page + 1} of ${pages.toLocaleString("en")}`;
    $("earlier").disabled = page === 0;
    $("later").disabled = page + 1 >= pages;
    choose();
    return Promise.all(rows.map(async (row) => {
      const { text } = await answer(row);
      const place = $(`row-${row}`);
      if (place) place.querySelector(".text").textContent = text.trim().replace(/\s+/g, " ").slice(0, 160) || "(empty)";
    })).catch(trouble);
  }

  function item(row) {
    const group = groupOf[row], source = sources[sourceOf(group)];
    const step = source.kind === "measured" ? "" : ` · step ${stepOf(group)}`;
    const line = el("li", { id: `row-${row}`, role: "option", "aria-selected": "false" },
      score(scoreOf(row)), el("span", { class: "text" }), el("span", { class: "about" },
        `${taskOf(row)} · ${source.kind === "measured" ? source.label : source.model}${step} · ${data.reasons[data.verdicts[row]]}`));
    line.addEventListener("click", () => go({ at: addressOf(row) }, true));
    return line;
  }

  function choose() {
    for (const line of $("rows").querySelectorAll("[aria-selected=true]")) line.setAttribute("aria-selected", "false");
    const line = $(`row-${chosen}`);
    if (!line) return $("rows").removeAttribute("aria-activedescendant");
    line.setAttribute("aria-selected", "true");
    $("rows").setAttribute("aria-activedescendant", line.id);
    line.scrollIntoView({ block: "nearest" });
  }

  function move(by) {
    const place = found.indexOf(chosen);
    const next = found[Math.min(found.length - 1, Math.max(0, place < 0 ? 0 : place + by))];
    if (next !== undefined && next !== chosen) go({ at: addressOf(next) });
  }

  // To the first answer found of the next or the previous prompt.
  function turnTo(by) {
    const promptOf = (place) => recordOf(groupOf[found[place]]);
    let place = Math.max(0, found.indexOf(chosen));
    const here = promptOf(place);
    while (found[place + by] !== undefined && promptOf(place) === here) place += by;
    const there = promptOf(place);
    while (by < 0 && place > 0 && promptOf(place - 1) === there) place--;
    if (found.length && there !== here) go({ at: addressOf(found[place]) });
  }

  // --- one answer

  async function show(row) {
    const mine = (chosen = row), group = groupOf[row], record = recordOf(group), source = sources[sourceOf(group)];
    choose();
    const back = el("button", { type: "button", id: "back" }, "Back to the list");
    back.addEventListener("click", () => go({ at: "" }));
    try {
      const [said, [question, reference]] = await Promise.all([answer(row), prompt(record)]);
      const elsewhere = await around(row);
      if (mine !== chosen) return;
      const rows = together(group), step = source.kind === "measured" ? "" : `, step ${stepOf(group)}`;
      $("one").replaceChildren(
        back,
        el("h2", {}, taskOf(row), " ", el("span", { class: "soft" }, data.records[record])),
        el("p", { class: "row soft" }, el("span", {}, `${source.label}${step}, answer ${rows.indexOf(row) + 1} of ${rows.length}`),
          el("a", { href: link({ at: addressOf(row) }) }, "link to this answer")),
        el("h3", {}, "Answer"),
        el("p", { class: "row" }, score(scoreOf(row)), el("strong", {}, data.reasons[data.verdicts[row]]), ...said.note ? [el("span", {}, marked(said.note))] : []),
        el("pre", { class: "answer" }, said.text ? marked(said.text) : "(empty)"),
        ...reference === null || reference === undefined ? [] : [el("h3", {}, "Reference answer"), el("pre", {}, marked(reference))],
        el("h3", {}, "Prompt"),
        el("pre", {}, question === null || question === undefined ? "The run’s files do not hold it." : marked(question)),
        ...said.texts.flatMap(([name, text]) => [el("h3", {}, name[0].toUpperCase() + name.slice(1)), el("pre", {}, marked(text))]),
        table("Parts of the score", said.parts),
        table("More of this answer", said.facts),
        ...said.tokens ? [tokens(said.tokens)] : [],
        ...elsewhere,
      );
      $("one").scrollTop = 0;
    } catch (error) {
      if (mine === chosen) $("one").replaceChildren(back, note(error.message));
    }
  }

  function table(title, rows) {
    if (!rows.length) return el("span", { hidden: "" });
    const lines = rows.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value === null ? "–" : String(value))));
    return el("div", { class: "tables" }, el("h3", {}, title), el("table", {}, el("tbody", {}, lines)));
  }

  // The same prompt under every model that was measured, and every time that it was sampled in training.
  async function around(row) {
    const group = groupOf[row], set = sources[sourceOf(group)].set, seen = new Set();
    const times = byRecord[recordOf(group)].filter((other) => {
      const name = `${sourceOf(other)}:${stepOf(other)}`;
      return sources[sourceOf(other)].set === set && !seen.has(name) && seen.add(name);
    });
    const measured = times.filter((other) => sources[sourceOf(other)].kind === "measured");
    const sampled = times.filter((other) => sources[sourceOf(other)].kind !== "measured");
    const shown = sampled.length > 8 ? sampled.filter((other, i) => i < 4 || i >= sampled.length - 4 || sourceOf(other) === sourceOf(group) && stepOf(other) === stepOf(group)) : sampled;
    const made = [];
    if (measured.length) {
      const columns = await Promise.all(measured.map(async (other) => el("div", {}, el("h4", {}, ...since(other)), await cards(together(other), row))));
      made.push(el("h3", {}, "The same prompt under each model"), el("div", { class: "models" }, columns));
    }
    if (sampled.length) {
      made.push(el("h3", {}, "The same prompt in training"));
      if (shown.length < sampled.length) made.push(el("p", { class: "soft" }, `Sampled ${sampled.length} times; the first and the last four are shown.`));
      for (const other of shown) {
        const rows = together(other);
        made.push(el("h4", {}, `${sources[sourceOf(other)].label}, step ${stepOf(other)}: mean ${number(mean(rows))} of ${plural(rows.length, "answer")}`), await cards(rows, row));
      }
    }
    return made;
  }

  // What a model scores on the record, against the model that it began from.
  function since(group) {
    const source = sources[sourceOf(group)], is = mean(together(group));
    const start = sources.findIndex((one) => one.set === source.set && one.model === source.start && one.kind === "measured");
    const was = start < 0 ? null : meansOf(start).get(recordOf(group)) ?? null;
    const turned = was === null || is === null ? "" : `${was === is ? "＝ as" : is > was ? "▲ rose from" : "▼ fell from"} ${source.start}`;
    return [`${source.model} `, score(is), " ", el("span", { class: "soft" }, turned)];
  }

  async function cards(rows, current) {
    const made = await Promise.all(rows.map(async (row) => {
      const { text } = await answer(row);
      return el("a", { class: "card", href: link({ at: addressOf(row), view: "" }), "aria-current": row === current ? "true" : null },
        el("span", {}, score(scoreOf(row)), el("small", { class: "soft" }, ` ${data.reasons[data.verdicts[row]]}`)),
        el("span", { class: "text" }, text.trim().slice(0, 400) || "(empty)"));
    }));
    return el("div", { class: "cards" }, made);
  }

  // Log-probabilities of an answer's tokens, made when they are asked for.
  function tokens([names, now = [], sampler = []]) {
    const box = el("details", {}, el("summary", {}, "Log-probabilities of its tokens"));
    box.addEventListener("toggle", () => {
      if (!box.open || box.children.length > 1) return;
      const values = now.length ? now : sampler;
      box.append(
        el("p", { class: "soft" }, `${now.length && sampler.length ? "Under the weights that were trained; the sampler’s in parentheses. " : ""}Tokens are named as the run’s file has them. The line below: ● at least half likely, ◐ at least 1 in 20, ○ less.`),
        el("div", { class: "tokens" }, names.map((name, i) => {
          const value = typeof values[i] === "number" ? values[i] : null;
          const sign = value === null ? "none" : value > Math.log(0.5) ? "high" : value > Math.log(0.05) ? "mid" : "low";
          const beside = now.length && typeof sampler[i] === "number" ? ` (${sampler[i].toFixed(2)})` : "";
          return el("span", { class: sign }, String(name), el("small", {}, `${{ high: "●", mid: "◐", low: "○", none: "–" }[sign]} ${value === null ? "" : value.toFixed(2)}${beside}`));
        })));
    });
    return box;
  }

  // --- what changed between two models

  function changes() {
    const measured = sources.filter((source) => source.kind === "measured");
    const box = $("changes");
    const after = measured.find((one) => one.key === state.after) || measured.filter((one) => one.set === measured[0].set).at(-1);
    if (!after || measured.length < 2) return box.replaceChildren(el("p", {}, "Fewer than two models have been measured here, so nothing can be compared yet."));
    const same = measured.filter((one) => one.set === after.set);
    const before = same.find((one) => one.key === state.before) || same[0];
    const stages = same.filter((one) => one.start && same.some((other) => other.model === one.start));
    const ways = [...stages.map((one) => [same.find((other) => other.model === one.start), one]), [same[0], same.at(-1)]];
    const pick = (label, name, some, value) => {
      const select = el("select", {}, some.map((one) => el("option", { value: one.key }, one.label)));
      select.value = value.key;
      select.addEventListener("change", () => go({ [name]: select.value }));
      return el("label", {}, label, select);
    };
    const [head, ...lines] = flips(before, after);
    box.replaceChildren(
      el("h2", {}, "What changed between two models, record by record"),
      el("p", { class: "row" }, pick("From", "before", same, before), pick("To", "after", measured, after)),
      el("p", { class: "row" }, ...ways.map(([one, other]) => el("a", { href: link({ before: one.key, after: other.key }) }, `${one.model} → ${other.model}`))),
      el("p", { class: "soft" }, `A record rose or fell clearly where its mean score moved by ${CLEAR} or more of 1; of answers that are right or wrong that is each one that flipped. Tasks with the most of these first.`),
      el("div", { class: "tables", tabindex: "0", role: "region", "aria-label": "Changes by task" }, el("table", {}, el("thead", {}, head), el("tbody", {}, lines))));
  }

  function flips(before, after) {
    const was = meansOf(sources.indexOf(before)), is = meansOf(sources.indexOf(after)), tasks = new Map();
    for (const [record, now] of is) {
      const then = was.get(record) ?? null;
      if (now === null || then === null) continue;
      const task = data.tasks[data.recordTasks[record]];
      if (!tasks.has(task)) tasks.set(task, { records: 0, rose: 0, fell: 0, alike: 0, then: 0, now: 0 });
      const mine = tasks.get(task);
      mine.records += 1;
      mine.then += then;
      mine.now += now;
      mine[changed(then, now)] += 1;
    }
    const clear = { task: "", verdict: "", from: "", to: "", low: "", high: "", q: "", at: "", view: "", after: "" };
    const some = (task, mine, name) => el("td", { class: "n" }, mine[name] ? el("a", { href: link({ ...clear, task, change: name, before: before.key, where: after.key }), "aria-label": `${mine[name]} of ${task} ${name}` }, String(mine[name])) : "0");
    const cells = (name, mine, task) => [el("th", { scope: "row" }, name), el("td", { class: "n" }, mine.records.toLocaleString("en")),
      some(task, mine, "rose"), some(task, mine, "fell"), some(task, mine, "alike"),
      el("td", { class: "n" }, number(mine.then / mine.records)), el("td", { class: "n" }, number(mine.now / mine.records))];
    const order = [...tasks].sort(([a, one], [b, two]) => two.rose + two.fell - one.rose - one.fell || (a < b ? -1 : 1));
    const all = order.reduce((sum, [, mine]) => Object.fromEntries(Object.entries(sum).map(([key, value]) => [key, value + mine[key]])), { records: 0, rose: 0, fell: 0, alike: 0, then: 0, now: 0 });
    const heads = ["task", "records", "▲ rose", "▼ fell", "alike", `mean, ${before.model}`, `mean, ${after.model}`];
    return [el("tr", {}, heads.map((name, i) => el("th", { scope: "col", class: i ? "n" : null }, name))),
      ...all.records ? [el("tr", {}, cells("all tasks", all, ""))] : [], ...order.map(([task, mine]) => el("tr", {}, cells(task, mine, task)))];
  }

  // --- the page

  function fill(id, all, options) {
    $(id).replaceChildren(el("option", { value: "" }, all), ...options);
  }

  function form() {
    const counts = (some) => some.reduce((table, one) => table.set(one, (table.get(one) || 0) + 1), new Map());
    const kinds = { sampled: "Sampled in training", refused: "Steps that were stopped", measured: "Evaluations" };
    fill("where", "everywhere", Object.entries(kinds).flatMap(([kind, label]) => {
      const mine = sources.filter((source) => source.kind === kind);
      return mine.length ? [el("optgroup", { label }, mine.map((one) => el("option", { value: one.key }, one.label)))] : [];
    }));
    const rows = Array.from(groupOf.keys()), tasks = counts(rows.map(taskOf)), verdicts = counts(rows.map((row) => data.reasons[data.verdicts[row]]));
    const option = (table) => (name) => el("option", { value: name }, `${name} (${table.get(name).toLocaleString("en")})`);
    fill("task", "all", [...tasks.keys()].sort().map(option(tasks)));
    fill("verdict", "all", [...verdicts.keys()].sort().map(option(verdicts)));
    let waiting;
    const take = () => go({ ...Object.fromEntries(["where", "task", "verdict", "from", "to", "low", "high", "q"].map((id) => [id, $(id).value])), ...($("where").value === state.where ? {} : { change: "", before: "" }), at: "" });
    $("filters").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(take, 250); });
    $("filters").addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(waiting); take(); });
    $("filters").addEventListener("reset", (event) => { event.preventDefault(); go(Object.fromEntries([...FILTERS, "at"].map((name) => [name, ""]))); });
    $("earlier").addEventListener("click", () => { page--; list(); });
    $("later").addEventListener("click", () => { page++; list(); });
  }

  function keys(event) {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName), inList = event.target.id === "rows";
    if (event.ctrlKey || event.metaKey || event.altKey || state.view) return;
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      else if (state.at) go({ at: "" });
      $("rows").focus();
      return;
    }
    const acts = { "/": () => $("q").focus(), j: () => move(1), k: () => move(-1), ArrowRight: () => turnTo(1), ArrowLeft: () => turnTo(-1) };
    const inside = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Home: () => move(-Infinity), End: () => move(Infinity), Enter: () => chosen >= 0 && go({ at: addressOf(chosen) }) };
    const act = typing ? null : acts[event.key] || (inList && inside[event.key]);
    if (act) {
      event.preventDefault();
      act();
    }
  }

  async function read() {
    const given = new URLSearchParams(location.hash.slice(1)), old = state;
    state = Object.fromEntries([...FILTERS, "at", "view", "after"].map((name) => [name, given.get(name) || ""]));
    for (const id of ["where", "task", "verdict", "from", "to", "low", "high", "q"]) if ($(id).value !== state[id]) $(id).value = state[id];
    $("trouble").replaceChildren();
    const comparing = state.view === "changes";
    document.body.classList.toggle("reading", Boolean(state.at) && !comparing);
    for (const id of ["filters", "found", "list", "one"]) $(id).hidden = comparing;
    $("changes").hidden = !comparing;
    $(comparing ? "to-changes" : "to-answers").setAttribute("aria-current", "page");
    $(comparing ? "to-answers" : "to-changes").removeAttribute("aria-current");
    if (comparing) return changes();
    if (old.view || FILTERS.some((name) => old[name] !== state[name])) {
      page = 0;
      const mine = find();
      const last = turn;
      await mine;
      if (last !== turn) return; // another view has been chosen since
    }
    const asked = state.at ? at(state.at) : -1, row = asked < 0 && found.length ? found[0] : asked;
    if (state.at && asked < 0) trouble(new Error(`There is no answer ${state.at} here: the link is of another run, or of an earlier state of this one.`));
    const place = found.indexOf(row);
    if (place >= 0) page = Math.floor(place / PAGE);
    chosen = row;
    const filled = list();
    if (state.at && $("list").offsetParent === null) $("one").focus();
    if (row >= 0) await show(row);
    else $("one").replaceChildren(el("p", { class: "soft" }, groupOf.length ? "No answer fits the filters." : "There are no answers here yet."));
    await filled;
  }

  async function start() {
    try {
      open(await load("index"));
      $("notes").append(...data.notes.map(note));
      form();
      addEventListener("hashchange", () => read().catch(trouble));
      document.addEventListener("keydown", keys);
      await read();
    } catch (error) {
      trouble(error);
    }
    document.body.dataset.ready = Math.round(performance.now()); // milliseconds since the page was asked for
  }

  start();
})();
