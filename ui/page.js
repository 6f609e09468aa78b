// What HTML alone cannot do here: a mark opens its source, and a new question is scrolled to.
() => {
  // Gradio's page has a <base> and a theme in its query, so following "#id" could reload it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#turn-"]');
    if (!link) return;
    event.preventDefault();
    const target = document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    if (target.tagName === "DETAILS") target.open = true;
    const focusable = target.querySelector("summary, a.mark");
    if (focusable) focusable.focus({ preventScroll: true });
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    target.scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
    target.classList.remove("found");
    requestAnimationFrame(() => target.classList.add("found"));
    target.addEventListener("animationend", () => target.classList.remove("found"), { once: true });
  });

  let newest = null;
  new MutationObserver(() => {
    const turn = document.querySelector("#current .turn");
    if (turn && turn.id !== newest) turn.scrollIntoView({ block: "start" });
    newest = turn && turn.id;
  }).observe(document.body, { childList: true, subtree: true, attributeFilter: ["id"] });
}
