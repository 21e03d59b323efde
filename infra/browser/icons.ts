import { html, type TemplateResult } from 'lit-html'

/** Drawn on a grid of 24, with the pen of the text around it. They say nothing that is not written beside them. */
const drawn = {
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
  push: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <rect x="7" y="2.5" width="10" height="19" rx="2.5" />
    <path d="M11 18.5h2" />
  </svg>`,
  sms: html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 5h16v11H10l-4.5 4V16H4z" /></svg>`,
  email: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <rect x="3" y="5" width="18" height="14" rx="2" />
    <path d="m3.5 7 8.5 6 8.5-6" />
  </svg>`,
  in_app: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M3.5 13.5 6 5h12l2.5 8.5V19h-17zM3.5 13.5H9l1.2 2.5h3.6l1.2-2.5h5.5" />
  </svg>`,
  lock: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <rect x="5" y="11" width="14" height="9" rx="2" />
    <path d="M8 11V8a4 4 0 0 1 8 0v3" />
  </svg>`,
  pause: html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M9 5v14M15 5v14" /></svg>`,
  moon: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z" />
  </svg>`,
  mute: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M6 16V11a6 6 0 0 1 9.5-4.9M18 11v5l1.5 2h-12M10 21h4M4 4l16 16" />
  </svg>`,
  grid: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <path d="M4 7h9M17 7h3M4 12h3M11 12h9M4 17h9M17 17h3" />
    <circle cx="15" cy="7" r="2" />
    <circle cx="9" cy="12" r="2" />
    <circle cx="15" cy="17" r="2" />
  </svg>`,
  clock: html`<svg viewBox="0 0 24 24" aria-hidden="true">
    <circle cx="12" cy="12" r="8.5" />
    <path d="M12 7v5l3.5 2" />
  </svg>`,
  close: html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="m6 6 12 12M18 6 6 18" /></svg>`,
} satisfies Record<string, TemplateResult>

export const icons: Record<keyof typeof drawn, TemplateResult> = drawn
