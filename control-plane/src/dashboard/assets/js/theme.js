// Runs before anything is painted, so that the page never flashes in the other scheme.
(() => {
  const KEY = 'fairway.theme';
  const apply = (theme) => {
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  const read = () => {
    try { return localStorage.getItem(KEY) ?? 'auto'; } catch { return 'auto'; }
  };
  apply(read());
  window.fairwayTheme = {
    get: read,
    set(theme) {
      try { localStorage.setItem(KEY, theme); } catch { /* It holds for this page, then. */ }
      apply(theme);
    },
  };
})();
