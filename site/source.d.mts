/** Writes everything into the folder. Fails where a page links to what is not there. */
export function writeSource(folder: string): void
