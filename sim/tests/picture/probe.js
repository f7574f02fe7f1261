// Looks at the page in each frame, and writes down what it finds, a line for each thing.
addEventListener("load", () => document.querySelectorAll("iframe").forEach((frame) => {
  const doc = frame.contentDocument, win = frame.contentWindow;
  const lines = [];
  const say = (key, value) => lines.push(`${key}=${value}`);
  say("page", frame.name);
  say("width", win.innerWidth);
  say("dark", win.matchMedia("(prefers-color-scheme: dark)").matches);
  say("wider-by", doc.documentElement.scrollWidth - doc.documentElement.clientWidth);
  say("loaded", win.performance.getEntriesByType("resource").length);
  say("buttons", [...doc.querySelectorAll("button")].filter((button) => button.offsetParent).length);
  say("scripts-of-others", win.evil === undefined ? 0 : 1);

  const texts = [...doc.querySelectorAll("div.drawing text")].filter((text) => text.textContent.trim());
  const boxes = texts.map((text) => [text, text.getBoundingClientRect()]);
  say("texts", texts.length);
  const own = (text) => [...text.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("").trim();
  boxes.forEach(([one, a], index) => {
    const svg = one.ownerSVGElement.getBoundingClientRect();
    if (a.left < svg.left - 1 || a.right > svg.right + 1 || a.top < svg.top - 1 || a.bottom > svg.bottom + 1) {
      say("clipped", own(one));
    }
    for (const [other, b] of boxes.slice(index + 1)) {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      // A line of text is higher than its letters.
      if (wide > 1 && high > 3.5) say("overlap", `${own(one)} | ${own(other)}`);
    }
  });

  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((part) => part / 255).map((p) => (p <= 0.04045 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(win.getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let least = 21, seen = 0;
  for (const element of doc.querySelectorAll("body *")) {
    if (element.closest("svg, script, style") || !own(element).trim()) continue;
    const [one, other] = [parse(win.getComputedStyle(element).color), ground(element)].map(luminance);
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    seen += 1;
    if (contrast < 4.5) say("faint", `${contrast.toFixed(2)} ${own(element)}`);
    least = Math.min(least, contrast);
  }
  say("read", seen);
  say("least-contrast", least.toFixed(2));
  const pre = document.createElement("pre");
  pre.textContent = `\nPROBE\n${lines.join("\n")}\nTEXT\n${doc.body.innerText}\nEND\n`;
  document.body.append(pre);
}));
