import { useEffect, useState } from "react";

type Theme = "light" | "dark";
const DARK = "(prefers-color-scheme: dark)";

/** The theme the reader's system asks for, until flipped here. */
export function useTheme(): [Theme, () => void] {
  const [system, setSystem] = useState<Theme>(() => (matchMedia(DARK).matches ? "dark" : "light"));
  const [own, setOwn] = useState<Theme | null>(null);
  const theme = own ?? system;
  // Before the pictures are painted, which read their colours from the style sheet.
  document.documentElement.dataset.theme = theme;
  useEffect(() => {
    const query = matchMedia(DARK);
    const follow = () => setSystem(query.matches ? "dark" : "light");
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  return [theme, () => setOwn(theme === "dark" ? "light" : "dark")];
}
