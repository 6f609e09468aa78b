// Filters the table of questions; without it the table is whole.

(() => {
  const filters = document.getElementById("filters");
  if (!filters) return;
  const rows = [...document.querySelectorAll("#cases tbody")];
  const texts = rows.map((row) => row.rows[0].textContent.toLowerCase());
  const search = filters.querySelector("input");
  const buttons = [...filters.querySelectorAll("button[aria-pressed]")];
  const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
  const wanted = (by) => buttons.filter((b) => b.name === by && isPressed(b)).map((b) => b.value);
  const apply = () => {
    const verdicts = wanted("verdict"), kinds = wanted("kind");
    const words = search.value.toLowerCase().split(/\s+/);
    let shown = 0;
    rows.forEach((row, i) => {
      const fits = (!verdicts.length || verdicts.includes(row.dataset.verdict))
        && (!kinds.length || kinds.includes(row.dataset.kind))
        && words.every((word) => texts[i].includes(word));
      row.hidden = !fits;
      shown += fits;
    });
    filters.querySelector("output").textContent = `${shown} of ${rows.length} shown`;
  };
  filters.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.id === "all") {
      search.value = "";
      buttons.forEach((each) => each.setAttribute("aria-pressed", "false"));
    } else {
      button.setAttribute("aria-pressed", String(!isPressed(button)));
    }
    apply();
  });
  search.addEventListener("input", apply);
  filters.hidden = false;
  apply();
})();
