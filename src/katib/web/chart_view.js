// A chart of ECharts as SVG, whose texts take the colour of the page. What is drawn is changed as
// long as its shape is the same, so that zoom and selection stay, and made anew otherwise.
import { echarts } from "nicegui-echart";
import { toRaw } from "vue";

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

export default {
  template: "<div></div>",
  props: { options: Object, theme: Object, shape: String },
  mounted() {
    this.chart = echarts.init(this.$el, toRaw(this.theme), { renderer: "svg" });
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
    this.draw();
  },
  beforeUnmount() {
    this.observer.disconnect();
    this.chart.dispose();
  },
  watch: {
    options() {
      this.draw();
    },
  },
  methods: {
    draw() {
      const isNew = this.shape !== this.drawn;
      this.drawn = this.shape;
      this.chart.setOption(revived(toRaw(this.options)), { notMerge: isNew });
    },
  },
};
