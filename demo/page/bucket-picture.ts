const NAMESPACE = 'http://www.w3.org/2000/svg';
const DOTS = 48;
const TOP = 108;
const BOTTOM = 214;

/** What the picture shows. */
export interface BucketView {
  /** How full it is, from 0 to 1. */
  readonly level: number;
  readonly waiting: number;
  /** ms between two calls that leak, while it does; undefined if it does not. */
  readonly leaksEvery: number | undefined;
  readonly isPaused: boolean;
}

/** Draws the bucket: calls that wait above it, its level, and what leaks. The words beside it say the same. */
export class BucketPicture {
  readonly #dots: SVGElement[] = [];
  readonly #water: SVGElement;
  readonly #drop: SVGElement;
  readonly #valve: SVGElement;
  #shown = 0;

  constructor(host: SVGSVGElement) {
    for (let index = 0; index < DOTS; index++) {
      const column = index % 12;
      const row = Math.floor(index / 12);
      const dot = element(host, 'circle', { cx: 23 + column * 14, cy: 84 - row * 14, r: 4.2, class: 'dot' });
      dot.style.opacity = '0';
      this.#dots.push(dot);
    }
    const inside = 'M32 108 L44 206 Q45 214 53 214 L147 214 Q155 214 156 206 L168 108 Z';
    const clip = element(host, 'clipPath', { id: 'inside' });
    element(clip, 'path', { d: inside });
    const water = element(host, 'g', { 'clip-path': 'url(#inside)' });
    this.#water = element(water, 'rect', { x: 20, y: TOP, width: 160, height: BOTTOM - TOP, class: 'water' });
    element(host, 'path', { d: 'M28 102 L40 206 Q41 218 53 218 L147 218 Q159 218 160 206 L172 102', class: 'wall' });
    this.#valve = element(host, 'rect', { x: 92, y: 218, width: 16, height: 8, rx: 2, class: 'valve' });
    this.#drop = element(host, 'circle', { cx: 100, cy: 232, r: 4.2, class: 'drop' });
    element(host, 'path', { d: 'M60 270 H140', class: 'ground' });
    this.show({ level: 0, waiting: 0, leaksEvery: undefined, isPaused: false });
  }

  show({ level, waiting, leaksEvery, isPaused }: BucketView): void {
    const dots = Math.min(DOTS, waiting);
    for (let index = this.#shown; index < dots; index++) (this.#dots[index] as SVGElement).style.opacity = '1';
    for (let index = dots; index < this.#shown; index++) (this.#dots[index] as SVGElement).style.opacity = '0';
    this.#shown = dots;
    this.#water.style.transform = `translateY(${((1 - level) * (BOTTOM - TOP)).toFixed(1)}px)`;
    const isLeaking = leaksEvery !== undefined && !isPaused;
    this.#drop.classList.toggle('leaking', isLeaking);
    // Faster than this it only flickers.
    if (isLeaking) this.#drop.style.animationDuration = `${Math.min(3_000, Math.max(250, leaksEvery))}ms`;
    this.#valve.classList.toggle('closed', isPaused);
  }
}

function element(parent: Element, name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  parent.append(made);
  return made;
}
