/** Behind the name of what is skipped where something is missing: nobody shall take it for shown. */
export function because(missing: string | undefined): string {
  return missing === undefined ? '' : ` (not shown here: ${missing})`
}
