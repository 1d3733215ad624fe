/** Where the site's own pages keep the choice too. */
const NAME = 'vitepress-theme-appearance';

/** Lets a button change between light and dark. Until it is used, the system's choice holds. */
export function startTheme(button: HTMLButtonElement, changed: () => void): void {
  const { dataset } = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  const show = (isDark: boolean) => {
    dataset.theme = isDark ? 'dark' : 'light';
    button.setAttribute('aria-pressed', String(isDark));
    changed();
  };
  button.setAttribute('aria-pressed', String(dataset.theme === 'dark'));
  button.addEventListener('click', () => {
    const isDark = dataset.theme !== 'dark';
    try {
      localStorage.setItem(NAME, isDark ? 'dark' : 'light');
    } catch {
      // Where nothing can be stored it holds for this page.
    }
    show(isDark);
  });
  system.addEventListener('change', ({ matches }) => {
    let chosen: string | null = null;
    try {
      chosen = localStorage.getItem(NAME);
    } catch {}
    if (chosen !== 'dark' && chosen !== 'light') show(matches);
  });
}
