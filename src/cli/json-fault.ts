/**
 * Where a text stops to be JSON, for people: engines name a place only for some faults, and count it from the beginning.
 */

/** `undefined`: it is JSON. `firstLine`: where the text begins in what people see. */
export function jsonFault(text: string, firstLine = 1): string | undefined {
  const error = syntaxErrorOf(text)
  if (error === undefined) return undefined
  const before = text.slice(0, goodLength(text))
  const line = firstLine - 1 + before.split('\n').length
  const column = before.length - before.lastIndexOf('\n')
  const found = text.at(before.length)
  const what = found === undefined ? 'it ends too early' : `${JSON.stringify(found)} is not expected here`
  return `line ${line}, column ${column}: ${what}`
}

/** How many characters of it could be the beginning of JSON. More of them never make up for a wrong one. */
function goodLength(text: string): number {
  let good = 0
  let bad = text.length + 1
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (isBeginning(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return good
}

function isBeginning(text: string): boolean {
  const message = syntaxErrorOf(text)
  if (message === undefined) return true
  // A fault behind the last character is that there are no more.
  const place = /at position (\d+)/.exec(message)?.[1]
  return (
    /end of JSON input|Unterminated/.test(message) || (place !== undefined && Number(place) >= text.length)
  )
}

function syntaxErrorOf(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    if (error instanceof SyntaxError) return error.message
    throw error
  }
}
