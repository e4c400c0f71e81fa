/**
 * Lays the pages out as the site wants them: docs/ at the top, links between pages as they were, and files of the project that pages
 * link to as pages of their own, so that the site needs nothing but itself.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { pages, placeOf, ROOT } from './navigation.mjs'

/** Of a linked folder, files that somebody reads. */
const READABLE =
  /\.(?:cfg|conf|css|go|html|json|js|md|mjs|php|py|service|sh|sql|ts|tsx|ya?ml)$|(?:^|\/)Dockerfile$/
const LANGUAGES = { service: 'ini', cfg: 'text', conf: 'text', '': 'text', yml: 'yaml', mjs: 'js' }
/** Shown where the page has it, and no page of its own. */
const IMAGE = /\.(?:svg|png)$/
/** With the words that stand behind a link, where there are some. */
const LINK = /(\]\()([^)\s]+)((?: "[^"]*")?\))/g
const FENCE = /^(```+).*\n[\s\S]*?^\1$/gm

/** Writes everything into the folder. Fails where a page links to what is not there. */
export function writeSource(folder) {
  rmSync(folder, { recursive: true, force: true })
  const linked = new Set()
  for (const page of pages()) {
    const text = readFileSync(join(ROOT, page), 'utf8')
    write(join(folder, placeOf(page)), withLinks(text, page, linked))
  }
  for (const path of linked)
    write(join(folder, filePlace(path)), IMAGE.test(path) ? readFileSync(join(ROOT, path)) : filePage(path))
}

function withLinks(text, page, linked) {
  let at = 0
  let out = ''
  const outside = (part) =>
    part.replaceAll(LINK, (_, open, target, close) => open + moved(target, page, linked) + close)
  for (const fence of text.matchAll(FENCE)) {
    out += outside(text.slice(at, fence.index)) + fence[0]
    at = fence.index + fence[0].length
  }
  return out + outside(text.slice(at))
}

/** A link of a page as it is on the site. */
function moved(target, page, linked) {
  if (/^(?:[a-z]+:|#)/i.test(target)) return target
  const [path, anchor] = target.split('#')
  const to = posix.normalize(posix.join(posix.dirname(page), path)).replace(/\/$/, '')
  if (!existsSync(join(ROOT, to))) throw new Error(`${page} links to ${target}, which is not there`)
  const isPage = pages().includes(to)
  if (!isPage) linked.add(to)
  const place = isPage ? placeOf(to) : filePlace(to)
  const relative = posix.relative(posix.dirname(placeOf(page)), place)
  return `${relative.startsWith('.') ? relative : `./${relative}`}${anchor === undefined ? '' : `#${anchor}`}`
}

const filePlace = (path) =>
  IMAGE.test(path) ? `files/${path}` : `files/${path.toLowerCase().replaceAll('.', '-')}.md`

/** A file of the project, or all of a folder. */
function filePage(path) {
  const whole = join(ROOT, path)
  const files = statSync(whole).isDirectory()
    ? readdirSync(whole, { recursive: true, encoding: 'utf8' })
        .map((name) => `${path}/${name.replaceAll('\\', '/')}`)
        .filter((name) => READABLE.test(name) && !name.includes('node_modules'))
        .toSorted()
    : [path]
  const shown = files.map((file) => {
    const extension = posix.extname(file).slice(1) || 'text'
    const text = readFileSync(join(ROOT, file), 'utf8').trimEnd()
    return `${files.length > 1 ? `## ${file}\n\n` : ''}\`\`\`\`${LANGUAGES[extension] ?? extension}\n${text}\n\`\`\`\`\n`
  })
  return `---\nsearch: false\neditLink: false\n---\n\n# ${path}\n\n${shown.join('\n')}`
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
