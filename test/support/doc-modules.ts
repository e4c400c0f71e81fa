/** The snippets of a document as modules of a bundle: `docs/react.md#0` is its first one in these languages. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build as bundle, type Plugin } from 'esbuild'
import { ROOT } from './installed-packages.ts'
import { temporaryDirectory } from './server-process.ts'

export interface DocModules {
  readonly document: string
  readonly languages: readonly string[]
  /** Changes each snippet before it runs: addresses above all. */
  readonly change: (text: string) => string
  /** What imports them. */
  readonly entry: string
  /** `iife` runs in a page, `esm` is imported. */
  readonly format: 'iife' | 'esm'
}

export function snippetsOf(document: string, languages: readonly string[]): string[] {
  const markdown = readFileSync(`${ROOT}${document}`, 'utf8')
  const fences = markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)
  return [...fences]
    .filter(([, language = '']) => languages.includes(language))
    .map(([, , text = '']) => text)
}

export async function bundleDocument(options: DocModules): Promise<string> {
  const { document, languages, change, entry, format } = options
  const snippets = snippetsOf(document, languages).map(change)
  const modules: Plugin = {
    name: 'snippets',
    setup(build) {
      build.onResolve({ filter: /^doc:/ }, ({ path }) => ({ path: path.slice(4), namespace: 'doc' }))
      build.onLoad({ filter: /.*/, namespace: 'doc' }, ({ path }) => {
        const contents = snippets[Number(path)]
        if (contents === undefined) throw new Error(`${document} has no snippet ${path}`)
        return { contents, loader: 'tsx', resolveDir: ROOT }
      })
    },
  }
  const { outputFiles } = await bundle({
    stdin: { contents: entry, resolveDir: ROOT, loader: 'tsx' },
    plugins: [modules],
    bundle: true,
    write: false,
    // What is for browsers and touches none runs in Node as well.
    platform: 'browser',
    format,
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"' },
  })
  return outputFiles[0]?.text ?? ''
}

/** A module that was bundled. From a file: what it throws names its place, and not its whole text. */
export async function importText<Module>(text: string): Promise<Module> {
  const folder = temporaryDirectory('module')
  const file = join(folder.path, 'module.mjs')
  writeFileSync(file, text)
  try {
    return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Module
  } finally {
    folder.remove()
  }
}
