import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { navigation, placeOf } from '../navigation.mjs'
import { MODULES } from '../reference.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const linkOf = (page) => `/${placeOf(page).replace(/(?:^|(?<=\/))index\.md$|\.md$/, '')}`

/** The anchors that the documents use: those of code hosts. */
const slugify = (heading) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

export default defineConfig({
  title: 'Sluice',
  description: 'A real-time gateway: WebSocket, SSE and long poll, with replay and resume',
  lang: 'en',
  base: process.env.SITE_BASE ?? '/',
  srcDir: here('../.tmp/source'),
  outDir: here('../dist'),
  cacheDir: here('../.tmp/cache'),
  // Commands and addresses of one's own machine are no pages.
  ignoreDeadLinks: [/^https?:\/\/(?:localhost|127\.0\.0\.1)/],
  metaChunk: true,
  // Colours that can be read: those of the usual themes are too pale on the grey of a box.
  markdown: {
    anchor: { slugify },
    languageAlias: { conf: 'ini' },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
  },
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    notFound: {
      title: 'There is no such page',
      quote: 'It may have moved. The search finds every heading of every page.',
      linkText: 'To the beginning',
    },
    search: {
      provider: 'local',
      options: {
        _render(source, env, md) {
          const html = md.render(source, env)
          return env.frontmatter?.search === false ? '' : html
        },
      },
    },
    nav: [
      { text: 'Quick start', link: '/quickstart' },
      { text: 'Guides', link: '/guides/transports' },
      { text: 'Client', link: '/client' },
      { text: 'Configuration', link: '/configuration' },
      { text: 'Troubleshooting', link: '/guides/troubleshooting' },
    ],
    sidebar: [
      ...navigation().map(({ text, pages }) => ({
        text,
        items: pages.map(({ page, title }) => ({ text: title, link: linkOf(page) })),
      })),
      {
        text: 'Types',
        items: MODULES.map(({ link, title }) => ({ text: title, link })),
      },
    ],
    outline: [2, 3],
  },
})
