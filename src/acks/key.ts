/**
 * A user and a channel as the key of a bucket. Keys take few characters, so every other UTF-16 code unit becomes `=`
 * and its four hexadecimal digits; dots do too, so the one that is left separates. No two pairs share a key.
 */

const UNFIT = /[^\w-]/g
const EMPTY = '='

export function keyOf(user: string, channel: string): string {
  return `${partOf(user)}.${partOf(channel)}`
}

function partOf(name: string): string {
  // An `=` that no digits follow stands for no code unit.
  if (name === '') return EMPTY
  return name.replaceAll(UNFIT, (unit) => `=${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
