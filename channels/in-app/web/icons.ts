import { html, type TemplateResult } from 'lit-html'

/** Drawn on a grid of 24 with the pen of the text around them. What they mean is said beside them. */
export const icons = {
  bell: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15zM10 21.5h4" />
  </svg>`,
  readAll: html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="m2.5 12.5 4.5 4.5 9-10M12 16l1 1 9-10" /></svg>`,
  read: html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="m5 12.5 4.5 4.5L19 7" /></svg>`,
  archive: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M4 8.5h16M5.5 8.5v11h13v-11M4 4.5h16v4H4zM10 12.5h4" />
  </svg>`,
  unarchive: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M9 14.5 4.5 10 9 5.5M4.5 10h10a5 5 0 0 1 0 10H12" />
  </svg>`,
  why: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <circle cx="12" cy="12" r="8.5" />
    <path d="M9.7 9.5a2.4 2.4 0 1 1 3.2 2.3c-.6.3-.9.7-.9 1.5M12 16.3v.2" />
  </svg>`,
  close: html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="m6 6 12 12M18 6 6 18" /></svg>`,
  mute: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M6 16.5V11a6 6 0 0 1 9.5-4.9M18 11v5.5l1.5 2h-12M10 21.5h4M4 4l16 16" />
  </svg>`,
} satisfies Record<string, TemplateResult>
