/**
 * Names with characters that the gateway's own names do not have, and back. Pure.
 *
 * The characters that it does not take are written `=HH`, with the two hexadecimal digits of their code. So that nothing becomes
 * ambiguous, an equals sign with two such digits behind it is written that way as well.
 */

/** What is no channel name as it stands: an alien character, or a dot or an `@` at a place where it may not be. */
const ALIEN = /[^\w\-:.@/=+$]|^[@.]|\.$|\.(?=\.)|=(?=[\dA-F]{2})/g
const ESCAPED = /=([\dA-F]{2})/g

/** Of a text of printable ASCII. */
export function escaped(name: string): string {
  return name.replaceAll(
    ALIEN,
    (char) => `=${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

export function unescaped(name: string): string {
  if (!name.includes('=')) return name
  return name.replaceAll(ESCAPED, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}
