// Follows a build: its step, what it says, and each line of its log. When it is over, the page is loaded again.
const OVER = new Set(["ready", "failed", "stopped"]);
const page = document.getElementById("build");
const message = document.getElementById("build-message");
const log = document.getElementById("build-log");

function show(event) {
  for (const step of document.querySelectorAll("[data-step]")) {
    if (step.dataset.step === event.state) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  }
  if (!event.message) return;
  message.textContent = event.message;
  // what has no number is the portal's own word, not a line of the log
  if (!event.seq) return;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(`${event.message}\n`);
  if (atEnd) log.scrollTop = log.scrollHeight;
}

if (page.dataset.events) {
  const source = new EventSource(page.dataset.events);
  source.addEventListener("message", ({ data }) => {
    const event = JSON.parse(data);
    show(event);
    if (!OVER.has(event.state)) return;
    source.close();
    // by this the page that comes next knows that its reader waited for it
    if (event.state === "ready") sessionStorage.setItem(`awaited-${page.dataset.build}`, "1");
    location.reload();
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) {
      message.textContent = "The connection was lost. Load this page again to see how far the build is.";
    }
  });
}
