import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Another one for other contents, or other names, of the files and folders; not for another time. */
export function stampOf(root, inputs) {
  const hash = createHash('sha256')
  for (const input of inputs) {
    const paths = statSync(join(root, input)).isDirectory()
      ? readdirSync(join(root, input), { recursive: true })
          .toSorted((a, b) => (a < b ? -1 : 1))
          .map((path) => join(input, path))
      : [input]
    for (const path of paths) {
      if (!statSync(join(root, path)).isFile()) continue
      const content = readFileSync(join(root, path))
      hash.update(`${path}\n${content.length}\n`).update(content)
    }
  }
  return hash.digest('hex')
}
