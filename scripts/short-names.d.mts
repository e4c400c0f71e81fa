export const INTERNAL: readonly string[]
export function neighbours(): Map<string, Set<string>>
export function shortNames(wanted?: Readonly<Record<string, string>>): Record<string, string>
