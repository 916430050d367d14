// Times in the reader's own zone; the exact one stays in the title.
for (const shown of document.querySelectorAll("time[datetime]")) {
  const time = new Date(shown.dateTime);
  if (Number.isNaN(time.getTime())) continue;
  shown.textContent = time.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
