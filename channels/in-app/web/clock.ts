/** The clock of the browser. The only file here that reads it. */
export const now = (): number => Date.now()
