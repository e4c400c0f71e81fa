export const ROOT: string
/** By their paths in the project. */
export function pages(): string[]
export function navigation(): {
  readonly text: string
  readonly pages: readonly { readonly page: string; readonly title: string }[]
}[]
/** Where a page is on the site, as a file. */
export function placeOf(page: string): string
