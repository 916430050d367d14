// The editor: says that a check is under way, and shows its result to readers of the keyboard.
const form = document.getElementById("editor");
const busy = document.getElementById("busy");

form.addEventListener("submit", ({ submitter }) => {
  const asked = submitter?.value;
  if (asked === "download") return;
  busy.hidden = asked !== "check";
  // after the form was read, as a button that is off is not sent
  setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
});
// coming back by the browser's history finds the page as it was left
addEventListener("pageshow", () => {
  busy.hidden = true;
  for (const button of form.querySelectorAll("button")) button.disabled = false;
});
document.getElementById("result")?.focus();
