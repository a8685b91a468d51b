// A chart of ECharts on a canvas, whose texts take the colour of the page. What is drawn is changed
// as long as its shape is the same, so that zoom and selection stay, and made anew otherwise.
import { toRaw } from "vue";

let echarts;

// What has been drawn takes the page's other colours when these change.
const views = new Set();
const isPageDark = () => document.body.classList.contains("body--dark");
let isDark = isPageDark();
new MutationObserver(() => {
  if (isDark === isPageDark()) return;
  isDark = isPageDark();
  for (const view of views) {
    view.chart.setTheme(view.themed());
    drawSoon(view);
  }
}).observe(document.body, { attributes: true, attributeFilter: ["class"] });

// A canvas knows no colours of the page: these are put in their place.
function coloursOf(element) {
  const page = getComputedStyle(document.body).backgroundColor;
  return {
    currentColor: getComputedStyle(element).color,
    Canvas: isDark ? page : "#fff",
  };
}

// Names that begin with a colon are JavaScript; data has no such names, and there is much of it.
function revived(value, colours) {
  if (Array.isArray(value)) return value.map((one) => revived(one, colours));
  if (value === null || typeof value !== "object") return value;
  const found = {};
  for (const [name, one] of Object.entries(value)) {
    if (name.startsWith(":")) found[name.slice(1)] = new Function(`return (${one})`)();
    else if (/color$/i.test(name)) found[name] = colours[one] ?? one;
    else found[name] = name === "data" ? one : revived(one, colours);
  }
  return found;
}

// Charts are drawn one after the other, each in a frame of its own, the upper ones first: the first
// is seen, and the page answers, while the others wait.
const waiting = [];
function drawNext() {
  const next = waiting.shift();
  if (waiting.length) requestAnimationFrame(drawNext);
  next?.draw();
}
async function drawSoon(view) {
  // It is large: the page stands there before it is loaded.
  ({ echarts } = await import("nicegui-echart"));
  if (waiting.includes(view) || view.isGone) return;
  if (!waiting.length) requestAnimationFrame(drawNext);
  waiting.push(view);
}

export default {
  template: "<div></div>",
  props: { options: Object, theme: Object, shape: String },
  mounted() {
    if (this.shape) drawSoon(this);
  },
  beforeUnmount() {
    this.isGone = true;
    const place = waiting.indexOf(this);
    if (place >= 0) waiting.splice(place, 1);
    if (!this.chart) return;
    views.delete(this);
    this.observer.disconnect();
    this.chart.dispose();
  },
  watch: {
    options() {
      drawSoon(this);
    },
  },
  methods: {
    begin() {
      this.chart = echarts.init(this.$el, this.themed(), { renderer: "canvas" });
      views.add(this);
      this.chart.on("click", (event) => {
        const series = toRaw(this.options).series?.[event.seriesIndex];
        const names = [event.data?.trial, event.name, series?.id];
        const told = names.filter((one) => typeof one === "string" && one);
        if (told.length) this.$emit("open", { names: told });
      });
      this.chart.on("axisareaselected", (event) => {
        this.$emit("brush", { axis: event.parallelAxisId, intervals: event.intervals ?? [] });
      });
      this.observer = new ResizeObserver(() => {
        if (this.$el.offsetWidth) this.chart.resize();
      });
      this.observer.observe(this.$el);
    },
    draw() {
      if (!this.chart) this.begin();
      const isNew = this.shape !== this.drawn;
      this.drawn = this.shape;
      const options = revived(toRaw(this.options), coloursOf(this.$el));
      this.chart.setOption(options, { notMerge: isNew });
    },
    themed() {
      const theme = revived(toRaw(this.theme), coloursOf(this.$el));
      const { fontFamily } = getComputedStyle(this.$el);
      return { ...theme, textStyle: { ...theme.textStyle, fontFamily } };
    },
  },
};
