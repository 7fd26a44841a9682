// Stands in a copy of rollouts.html, does what a person does, and tells the page around it what there is to see.
"use strict";
const wrong = [];
addEventListener("error", (event) => wrong.push(event.message || `not loaded: ${event.target.src}`), true);
addEventListener("unhandledrejection", (event) => wrong.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => wrong.push(`against the policy: ${event.effectiveDirective}`));
const all = (query) => [...document.querySelectorAll(query)].map((node) => node.textContent);
const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));

async function until(done) {
  for (let i = 0; i < 400 && !done(); i++) await new Promise((wake) => setTimeout(wake, 20));
}

async function visit(hash, done) {
  location.hash = hash;
  await until(done);
}

const TOURS = {
  async alone() {
    return { notes: all(".note") };
  },
  async half() {
    return { notes: all("#trouble .note"), one: all("#one .note"), listed: all("#rows .about").length };
  },
  async phone() {
    const sizes = [...document.querySelectorAll("body *")].filter((node) => node.childElementCount === 0 && node.textContent.trim());
    return {
      width: document.documentElement.scrollWidth,
      smallest: Math.min(...sizes.map((node) => parseFloat(getComputedStyle(node).fontSize))),
      list: getComputedStyle(document.getElementById("list")).display,
      one: getComputedStyle(document.getElementById("one")).display,
      back: all("#back"),
    };
  },
  async person() {
    const seen = { options: all("#rows .text"), found: all("#found")[0], heading: all("#one h2")[0] };
    press("j");
    await until(() => location.hash.includes("at="));
    await until(() => all("#rows [aria-selected=true]").length && all("#one pre.answer")[0].endsWith("1"));
    seen.next = [decodeURIComponent(location.hash), all("#one pre.answer")[0]];
    press("ArrowRight");
    await until(() => location.hash.includes("train/3"));
    seen.prompt = decodeURIComponent(location.hash);
    press("/");
    seen.focus = document.activeElement.id;
    document.getElementById("q").blur();
    await visit("#q=ANSWER 1 to", () => all("#found")[0].startsWith("3 of") && all("#one mark").length);
    seen.searched = [all("#found")[0], all("#one mark")[0]];
    await visit("#where=explore/tasks&low=0.6", () => all("#found")[0].startsWith("2 of"));
    seen.filtered = all("#rows .about");
    await visit("#where=refine/tasks&change=fell&before=base/tasks", () => all("#found")[0].includes("fell"));
    seen.fell = all("#found")[0];
    await visit("#at=explore/tasks:0:0:reply/eval/1", () => all("#one .row")[0].startsWith("explore, evaluated"));
    seen.models = all(".models h4");
    seen.parts = all("#one td");
    seen.pre = all("#one pre");
    await visit("#view=changes&before=base/tasks&after=explore/tasks", () => all("#changes tbody tr").length === 3);
    seen.changes = [...document.querySelectorAll("#changes tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent));
    seen.scripts = document.scripts.length;
    seen.wrong = [...wrong];
    const script = document.createElement("script");
    script.textContent = "document.body.dataset.ran = 'yes'";
    document.body.append(script);
    await until(() => wrong.some((one) => one.startsWith("against")));
    seen.blocked = [document.body.dataset.ran || "no", wrong.at(-1)];
    return seen;
  },
};

(async () => {
  await until(() => document.body.dataset.ready);
  const tour = document.currentTour;
  parent.postMessage({ tour, seen: await TOURS[tour]() }, "*");
})();
