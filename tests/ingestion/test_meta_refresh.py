"""A page that sends its readers on by a meta element is followed like a redirect."""

from __future__ import annotations

import time

import pytest

from ingestion.loaders.meta_refresh import leads_on
from ingestion.models import JobState
from minirag.egress import Fetched
from tests.doubles.websites import Site
from tests.ingestion.conftest import Plant
from tests.ingestion.web import page, titles, web_source

HERE = "https://x.test/docs/"


def fetched(head: str, mime_type: str = "text/html") -> Fetched:
    return Fetched(HERE, 200, {}, f"<html><head>{head}</head>".encode(), mime_type)


@pytest.mark.parametrize(
    ("head", "target"),
    [
        ('<meta http-equiv="refresh" content="0; url=en/">', HERE + "en/"),
        ("<META content='1;URL=/new?a=1&amp;b=2#top' HTTP-EQUIV=Refresh>", "https://x.test/new?a=1&b=2"),
        ("""<meta http-equiv="refresh" content="0; url='https://y.test/'">""", "https://y.test/"),
        ("""<meta http-equiv=refresh content=" 0.5 ,  URL = ' en/ ' ">""", HERE + "en/"),
        ('<meta http-equiv="refresh" content="300; url=en/">', None),
        ('<meta http-equiv="refresh" content="3">', None),
        ('<meta http-equiv="refresh" content="0; url=#part">', None),
        ('<meta http-equiv="refresh" content="0; url=javascript:x()">', None),
        ('<meta name="refresh" content="0; url=en/">', None),
        ('<noscript><meta http-equiv="refresh" content="0; url=old/"></noscript>', None),
        ('<!-- <meta http-equiv="refresh" content="0; url=old/"> -->', None),
    ],
)  # fmt: skip
def test_where_a_page_leads(head: str, target: str | None) -> None:
    assert leads_on(fetched(head)) == target
    assert leads_on(fetched(head, "text/plain")) is None


@pytest.mark.parametrize(
    ("base", "target"),
    [
        ('<base href="/en/">', "https://x.test/en/new"),
        ("<BASE target=_top HREF = ' en/?a=1&amp;b=2 '>", HERE + "en/new"),
        ("<base href=//y.test/z/page>", "https://y.test/z/new"),
        ('<base href="/one/"><base href="/two/">', "https://x.test/one/new"),
        ('<base target="_top"><base href="/two/">', "https://x.test/two/new"),
        ('<base href=""><base href="/two/">', HERE + "new"),
        ('<base data-href="/no/">', HERE + "new"), ('<!-- <base href="/no/"> -->', HERE + "new"),
        ('<base href="javascript:x/">', HERE + "new"), ('<base href="http://[">', HERE + "new"),
    ],
)  # fmt: skip
def test_it_leads_from_the_base_that_the_page_names(base: str, target: str) -> None:
    refresh = '<meta http-equiv="refresh" content="0; url=new">'
    assert leads_on(fetched(base + refresh)) == target
    assert leads_on(fetched(refresh + base)) == HERE + "new"  # it is told before there is one
    whole = '<meta http-equiv="refresh" content="0; url=https://z.test/new">'
    assert leads_on(fetched(base + whole)) == "https://z.test/new"


def test_blanks_in_it_take_no_time() -> None:
    began = time.process_time()
    assert leads_on(fetched(f"""<meta http-equiv=refresh content="0{" " * 600}'x'y">""")) is None
    base = f"<base href={' ' * 1200}href{' ' * 1200}>" * 3
    assert leads_on(fetched(base + "<base href " * 700)) is None
    assert time.process_time() - began < 1.0


def test_what_it_leads_to_is_read(plant: Plant, site: Site) -> None:
    refresh = '<meta http-equiv="refresh" content="0; url={}">'
    page(site, "/", "Wait", head=refresh.format("/en/"))
    page(site, "/en/", "Apples", head=refresh.format("/never"))
    source = web_source(plant, "url", site.url("/"))
    assert plant.ingest(source).state == JobState.SUCCEEDED
    (document,) = plant.documents(source).values()
    assert document.title == "Apples" and document.url == site.url("/en/")
    assert site.paths() == ["/", "/en/"]


def test_a_crawl_is_led_nowhere_that_it_may_not_go(plant: Plant, site: Site) -> None:
    refresh = '<meta http-equiv="refresh" content="0; url={}">'
    site.page("/robots.txt", b"User-agent: *\nDisallow: /hidden\nCrawl-delay: 0")
    page(site, "/", "Start", "/a", "/b", "/c", "/d")
    for path, target in {
        "/a": "/hidden", "/b": "http://other.test/", "/c": "/left-out", "/d": "/kept",
    }.items():  # fmt: skip
        page(site, path, "Wait", head=refresh.format(target))
    for path in ("/hidden", "/left-out", "/kept"):
        page(site, path, path)
    source = web_source(plant, "crawl", site.url("/"), exclude=["/left-out"])
    plant.ingest(source)
    assert titles(plant, source) == {"": "Start", "kept": "/kept"}
    assert sorted(site.paths()) == ["/", "/a", "/b", "/c", "/d", "/kept", "/robots.txt"]


def test_it_leads_to_no_address_that_is_refused(plant: Plant, site: Site) -> None:
    page(site, "/", "Wait", head='<meta http-equiv="refresh" content="0; url=http://10.0.0.1/">')
    source = web_source(plant, "url", site.url("/"))
    job = plant.ingest(source)
    assert job.state == JobState.FAILED and not titles(plant, source)


@pytest.mark.parametrize("base", ["http://10.0.0.1/", "http://other.test/"])
def test_a_base_leads_past_no_rule(plant: Plant, site: Site, base: str) -> None:
    leads = f'<base href="{base}"><meta http-equiv="refresh" content="0; url=new">'
    page(site, "/", "Start", "/a")
    page(site, "/a", "Wait", head=leads)
    page(site, "/new", "New")
    source = web_source(plant, "crawl", site.url("/"))
    plant.ingest(source)
    assert titles(plant, source) == {"": "Start"} and "/new" not in site.paths()
