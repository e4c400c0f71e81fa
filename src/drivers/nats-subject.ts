/**
 * Names as parts of NATS subjects. A public channel's name is one as it stands, so that whoever reads the subjects
 * finds the channel. What NATS does not take (blanks, wildcards, dots that enclose nothing) and `%` become `%` and
 * the four hexadecimal digits of the UTF-16 code unit, so no two names share a subject, whatever they consist of.
 */

const UNFIT = /[^\w\-:@/=+$.]|^\.|\.$|\.(?=\.)/g
const EMPTY = '%'

export function subjectOf(prefix: string, name: string): string {
  // A `%` that no digits follow stands for no code unit.
  return name === '' ? `${prefix}.${EMPTY}` : `${prefix}.${name.replaceAll(UNFIT, escaped)}`
}

function escaped(unit: string): string {
  return `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
