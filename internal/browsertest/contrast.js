// The visible texts whose contrast with what is behind them is below 4.5, and the bars of the chart where it is below
// 3, as WCAG 2.2 counts and asks.
(() => {
  const parse = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) =>
    Object.fromEntries(["r", "g", "b"].map((c) => [c, top[c] * top.a + below[c] * (1 - top.a)]));
  const behind = (node) => {
    const layers = [];
    for (; node; node = node.parentElement) layers.push(parse(getComputedStyle(node).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), { r: 255, g: 255, b: 255 });
  };
  const luminance = ({ r, g, b }) =>
    [r, g, b]
      .map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const faint = [];
  for (const node of document.body.querySelectorAll("*")) {
    const text = [...node.childNodes].filter((child) => child.nodeType === 3 && child.data.trim());
    if (text.length === 0 || !node.checkVisibility() || node.closest("script, style, noscript")) continue;
    const ground = behind(node);
    const [a, b] = [luminance(over(parse(getComputedStyle(node).color), ground)), luminance(ground)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)} of "${text[0].data.trim().slice(0, 30)}"`);
  }
  for (const bar of document.querySelectorAll(".bar")) {
    if (!bar.getAttribute("d") || !bar.checkVisibility()) continue;
    const ground = behind(bar.closest("div"));
    const [a, b] = [luminance(over(parse(getComputedStyle(bar).fill), ground)), luminance(ground)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 3) faint.push(`${contrast.toFixed(2)} of ${bar.id}`);
  }
  return faint;
})();
