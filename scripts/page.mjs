/** Builds the page of `sluice dev`: one HTML file with its script and its style inside. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'src', 'console', 'page')

async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [join(source, entry)],
    bundle: true,
    minify: true,
    target: 'es2022',
    format: 'iife',
    write: false,
    legalComments: 'none',
  })
  return outputFiles[0].text.trim()
}

/** `page.json`, with the policy that lets a browser run nothing else. */
export async function buildPage(folder) {
  const [script, style] = await Promise.all([bundle('main.ts'), bundle('style.css')])
  // A function, so that `$` in the code is no replacement pattern. `</script` inside would end the element.
  const html = readFileSync(join(source, 'index.html'), 'utf8')
    .replace('/* style */', () => style)
    .replace('/* script */', () => script.replaceAll('</script', '<\\/script'))
  const inner = (tag) => new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)[1]
  const hash = (tag) => `'sha256-${createHash('sha256').update(inner(tag)).digest('base64')}'`
  const policy = [
    "default-src 'none'",
    `script-src ${hash('script')}`,
    `style-src ${hash('style')}`,
    // The second is where a connection goes that is to fail: see the WebSocket panel.
    "connect-src 'self' ws: wss:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'page.json'), JSON.stringify({ html, policy }))
}
