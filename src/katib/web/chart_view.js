// A chart of ECharts on a canvas, whose texts take the colour of the page. What is drawn is changed
// as long as its shape is the same, so that zoom and selection stay, and made anew otherwise.
import { toRaw } from "vue";

let echarts;

// What is on a canvas takes another colour of the page when it is drawn again.
const views = new Set();
let isDark;
new MutationObserver(() => {
  const wasDark = isDark;
  isDark = document.body.classList.contains("body--dark");
  if (isDark !== wasDark) for (const view of views) view.chart.resize();
}).observe(document.body, { attributes: true, attributeFilter: ["class"] });

// Names that begin with a colon are JavaScript.
function revived(value) {
  if (Array.isArray(value)) return value.map(revived);
  if (value === null || typeof value !== "object") return value;
  const found = {};
  for (const [name, one] of Object.entries(value)) {
    if (name.startsWith(":")) found[name.slice(1)] = new Function(`return (${one})`)();
    else found[name] = revived(one);
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
      const theme = toRaw(this.theme);
      const { fontFamily } = getComputedStyle(this.$el);
      const textStyle = { ...theme.textStyle, fontFamily };
      this.chart = echarts.init(this.$el, { ...theme, textStyle }, { renderer: "canvas" });
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
      this.chart.setOption(revived(toRaw(this.options)), { notMerge: isNew });
    },
  },
};
