// Leads on to the form that starts a server, once, where the reader waited for the build on this page; it starts nothing.
const awaited = `awaited-${document.getElementById("build").dataset.build}`;
if (sessionStorage.getItem(awaited)) {
  sessionStorage.removeItem(awaited);
  // in this page's place, so that going back leads to the form for a repository, not here to be led on again
  location.replace(document.getElementById("build-then").href);
}
