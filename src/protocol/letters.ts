/** Texts as bytes, letter by letter: for those of a few letters a call into Node.js costs more than all of them. */

const LETTERS_MAX = 64
const ASCII_MAX = 0x7f

/** To where there is room for it; answers where it ends. `undefined`: it is long, or a letter takes more than a byte. */
export function writeLetters(into: Uint8Array, at: number, text: string): number | undefined {
  const { length } = text
  if (length > LETTERS_MAX) return undefined
  for (let index = 0; index < length; index++) {
    const letter = text.charCodeAt(index)
    if (letter > ASCII_MAX) return undefined
    into[at + index] = letter
  }
  return at + length
}
