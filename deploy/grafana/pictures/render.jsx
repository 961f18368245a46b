// Draws a dashboard with Grafana's own panel components. The page gives `window.BOARD`: the panels with what Prometheus answered.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, dateTime, FieldType, getDisplayProcessor } from '@grafana/data';
import {
  BigValue,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GlobalStyles,
  PanelChrome,
  ThemeContext,
  TimeSeries,
} from '@grafana/ui';

const theme = createTheme({ colors: { mode: 'dark' } });
const WIDTH = 1600;
const GAP = 8;
const ROW = 30;

function field(panel, series, index) {
  const numbers = series.values.filter((value) => value !== null);
  const span = { min: Math.min(...numbers), max: Math.max(...numbers) };
  const made = {
    name: series.name,
    type: FieldType.number,
    values: series.values,
    labels: {},
    config: {
      displayName: series.name,
      unit: panel.unit,
      min: panel.kind === 'stat' ? undefined : 0,
      color: { mode: panel.kind === 'stat' ? 'thresholds' : 'palette-classic' },
      thresholds: { mode: 'absolute', steps: panel.steps.map((one) => ({ ...one, value: one.value ?? -Infinity })) },
      custom: {
        drawStyle: 'line',
        lineInterpolation: 'linear',
        lineWidth: 1,
        fillOpacity: panel.fill,
        showPoints: 'never',
        spanNulls: true,
        axisPlacement: 'auto',
        axisSoftMax: panel.softMax ?? undefined,
        scaleDistribution: { type: 'linear' },
        stacking: { mode: panel.stacked ? 'normal' : 'none', group: 'A' },
        thresholdsStyle: { mode: panel.limit ? 'dashed' : 'off' },
        hideFrom: { legend: false, tooltip: false, viz: false },
      },
    },
    state: { seriesIndex: index, displayName: series.name, range: { ...span, delta: span.max - span.min } },
  };
  made.display = getDisplayProcessor({ field: made, theme });
  return made;
}

function frame(panel, series, index) {
  const time = { name: 'time', type: FieldType.time, values: series.times, config: {}, state: {} };
  time.display = getDisplayProcessor({ field: time, theme, timeZone: 'utc' });
  return { name: series.name, length: series.times.length, refId: String(index), fields: [time, field(panel, series, index)] };
}

function Inside({ panel, range, width, height }) {
  const frames = panel.series.map((series, index) => frame(panel, series, index));
  if (panel.kind !== 'stat') {
    const legend = { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] };
    return <TimeSeries frames={frames} timeRange={range} timeZone="utc" width={width} height={height} legend={legend} />;
  }
  const shown = frames[0].fields[1];
  const numbers = shown.values.filter((value) => value !== null);
  return (
    <BigValue
      value={shown.display(numbers[numbers.length - 1])}
      sparkline={{ y: shown, x: frames[0].fields[0], timeRange: range }}
      width={width}
      height={height}
      theme={theme}
      colorMode={BigValueColorMode.Value}
      graphMode={BigValueGraphMode.Area}
      textMode={BigValueTextMode.Value}
    />
  );
}

function Placed({ panel, range }) {
  const { x, y, w, h } = panel.place;
  const width = (w * WIDTH) / 24 - GAP;
  const height = h * (ROW + GAP) - GAP;
  const style = { position: 'absolute', left: (x * WIDTH) / 24, top: y * (ROW + GAP), width, height };
  if (panel.kind === 'row') {
    return <div style={{ ...style, fontSize: 16, fontWeight: 500, paddingTop: 4 }}>{panel.title}</div>;
  }
  return (
    <div style={style}>
      <PanelChrome title={panel.title} width={width} height={height} padding="md">
        {(innerWidth, innerHeight) => <Inside panel={panel} range={range} width={innerWidth} height={innerHeight} />}
      </PanelChrome>
    </div>
  );
}

const board = window.BOARD;
const from = dateTime(board.from);
const to = dateTime(board.to);
const range = { from, to, raw: { from, to } };
document.body.style.cssText = `margin:16px;background:${theme.colors.background.canvas};color:${theme.colors.text.primary};font-family:${theme.typography.fontFamily};`;
createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <h1 style={{ fontSize: 20, fontWeight: 500, margin: '0 0 12px' }}>{board.title}</h1>
    <div style={{ position: 'relative', width: WIDTH, height: board.height * (ROW + GAP) }}>
      {board.panels.map((panel) => (
        <Placed key={panel.id} panel={panel} range={range} />
      ))}
    </div>
  </ThemeContext.Provider>
);
