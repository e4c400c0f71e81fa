/**
 * Names as parts of NATS subjects. A public channel's name is one as it stands, so that whoever reads the subjects
 * finds the channel. What NATS does not take (blanks, wildcards, dots that enclose nothing) and `%` become `%` and
 * the four hexadecimal digits of the UTF-16 code unit, so no two names share a subject, whatever they consist of.
 */

const UNFIT = /[^\w\-:@/=+$.]|^\.|\.$|\.(?=\.)/g
const EMPTY = '%'

/** By code unit: 1, what stands for itself wherever it is. Most names are of nothing else, and each message needs one. */
const PLAIN = Uint8Array.from({ length: 128 }, (_, unit) =>
  /[\w\-:@/=+$]/.test(String.fromCharCode(unit)) ? 1 : 0,
)

export function subjectOf(prefix: string, name: string): string {
  // A `%` that no digits follow stands for no code unit.
  if (name === '') return `${prefix}.${EMPTY}`
  return `${prefix}.${isPlain(name) ? name : name.replaceAll(UNFIT, escaped)}`
}

function isPlain(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (PLAIN[name.charCodeAt(at)] !== 1) return false
  return true
}

function escaped(unit: string): string {
  return `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
