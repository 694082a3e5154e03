"""The shop's users: each class is one journey.

In a drill a route names one (`journey: loadtests/shop.py:Browse`). By hand, with Locust's web page or without:

    locust -f loadtests/shop.py --host http://127.0.0.1:8080
    locust -f loadtests/shop.py --host http://127.0.0.1:8080 --headless --run-time 10s Browse
"""

from harness.load.users import Journey


class Browse(Journey):
    """Looks at the catalogue and asks what something costs."""

    arrivals = "5/s"
    timeout_s = 5.0

    def visit(self) -> None:
        """Pick another article each time."""
        articles = self.client.get("/catalogue").json()
        sku = articles[self.seq % len(articles)]["sku"]
        self.client.get(f"/price/{sku}", name="/price/{sku}")


class Buy(Journey):
    """Looks, asks, orders, and reads the order back."""

    arrivals = "1/s"
    timeout_s = 5.0

    def visit(self) -> None:
        """Order one piece under the visitor's own id, which makes the order safe to send twice."""
        articles = self.client.get("/catalogue").json()
        sku = articles[self.seq % len(articles)]["sku"]
        self.client.get(f"/price/{sku}", name="/price/{sku}")
        self.client.post("/orders", json={"id": self.id, "sku": sku, "quantity": 1})
        with self.client.get(f"/orders/{self.id}", name="/orders/{id}", catch_response=True) as answer:
            if answer.ok and answer.json()["id"] != self.id:
                answer.failure("got somebody else's order")
