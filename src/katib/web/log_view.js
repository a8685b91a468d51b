// A log: lines of text, of which some may be looked for. Lines are plain elements, not the
// library's: there are thousands of them.
export default {
  template: `<div ref="box" class="katib-log katib-mono" role="log" tabindex="0"
    :aria-label="label" @scroll.passive="onScroll"></div>`,
  props: { label: String, most: Number },
  data: () => ({ text: "", at: -1, follows: true }),
  mounted() {
    this.hits = [];
    this.$emit("ready");
  },
  methods: {
    replace(lines) {
      this.$refs.box.replaceChildren();
      this.hits = [];
      this.at = -1;
      this.add(lines);
    },
    add(lines) {
      const box = this.$refs.box;
      const part = document.createDocumentFragment();
      for (const line of lines) {
        const one = document.createElement("div");
        one.textContent = line || " ";
        this.mark(one);
        part.appendChild(one);
      }
      box.appendChild(part);
      while (box.childElementCount > this.most) {
        if (this.hits[0] === box.firstChild) {
          this.hits.shift();
          this.at -= 1;
        }
        box.removeChild(box.firstChild);
      }
      if (this.follows) box.scrollTop = box.scrollHeight;
      if (this.text) this.tell();
    },
    mark(one) {
      const isHit = this.text !== "" && one.textContent.toLowerCase().includes(this.text);
      one.className = isHit ? "katib-hit" : "";
      if (isHit) this.hits.push(one);
    },
    find(text) {
      this.text = text.toLowerCase();
      this.hits = [];
      this.at = -1;
      for (const one of this.$refs.box.children) this.mark(one);
      if (this.hits.length) this.step(1);
      else this.tell();
    },
    step(by) {
      const count = this.hits.length;
      if (!count) return;
      this.hits[this.at]?.classList.remove("katib-now");
      this.at = this.at < 0 ? (by > 0 ? 0 : count - 1) : (this.at + by + count) % count;
      const one = this.hits[this.at];
      one.classList.add("katib-now");
      this.setFollows(false);
      one.scrollIntoView({ block: "center" });
      this.tell();
    },
    follow(follows) {
      this.setFollows(follows);
      if (follows) this.$refs.box.scrollTop = this.$refs.box.scrollHeight;
    },
    onScroll() {
      const box = this.$refs.box;
      const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
      if (!isAtEnd) this.setFollows(false);
    },
    setFollows(follows) {
      if (follows === this.follows) return;
      this.follows = follows;
      this.$emit("follows", { follows });
    },
    tell() {
      this.$emit("found", { at: this.at, count: this.hits.length });
    },
  },
};
